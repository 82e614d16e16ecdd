"""
A webhook payload of the size and shape that GitHub sends: `issue_comment`, `created`, ~10 kB.
"""

from __future__ import annotations

import json
from typing import Any

API = "https://api.github.com"

# The members of `repository` that hold an address, as GitHub's webhook schemas list them.
REPOSITORY_URLS = (
    "archive assignees blobs branches collaborators comments commits compare contents "
    "contributors deployments downloads events forks git_commits git_refs git_tags hooks "
    "issue_comment issue_events issues keys labels languages merges milestones notifications "
    "pulls releases stargazers statuses subscribers subscription tags teams trees"
).split()
USER_URLS = (
    "followers following gists starred subscriptions organizations repos events received_events"
).split()

PARAGRAPH = (
    "I looked into this over the weekend. The retry in the client doubles its wait after each "
    "failure, but the ceiling is compared in seconds with a number of milliseconds, so it is "
    "never reached and a long outage ends in waits of many minutes. A table test over the first "
    "twelve attempts would have shown it. "
)


def user(login: str, number: int) -> dict[str, Any]:
    """
    A `user` object with all its addresses.
    """
    home = f"{API}/users/{login}"
    return {
        "login": login,
        "id": number,
        "node_id": f"U_kgDOB{number:08d}",
        "avatar_url": f"https://avatars.githubusercontent.com/u/{number}?v=4",
        "gravatar_id": "",
        "url": home,
        "html_url": f"https://github.com/{login}",
        **{f"{name}_url": f"{home}/{name}" for name in USER_URLS},
        "type": "User",
        "user_view_type": "public",
        "site_admin": False,
    }


def repository(full_name: str) -> dict[str, Any]:
    """
    A `repository` object with all its addresses.
    """
    owner, name = full_name.split("/")
    home = f"{API}/repos/{full_name}"
    return {
        "id": 744128337,
        "node_id": "R_kgDOLFp5UQ",
        "name": name,
        "full_name": full_name,
        "private": False,
        "owner": user(owner, 9919),
        "html_url": f"https://github.com/{full_name}",
        "description": "A small service that the examples are about",
        "fork": False,
        "url": home,
        **{f"{name}_url": f"{home}/{name}{{/sha}}" for name in REPOSITORY_URLS},
        "created_at": "2026-01-16T20:03:11Z",
        "updated_at": "2026-11-20T07:41:52Z",
        "pushed_at": "2026-11-20T07:41:49Z",
        "clone_url": f"https://github.com/{full_name}.git",
        "size": 1482,
        "stargazers_count": 61,
        "language": "Python",
        "has_issues": True,
        "archived": False,
        "disabled": False,
        "open_issues_count": 14,
        "topics": ["service", "example"],
        "visibility": "public",
        "default_branch": "main",
    }


def issue_comment_created(number: int, *, full_name: str = "octo-org/widgets") -> bytes:
    """
    The raw body of one delivery; *number* makes it unlike the others.

    It is an ordinary comment, without a command: what is measured is taking it in.
    """
    issue_url = f"{API}/repos/{full_name}/issues/{100 + number % 50}"
    author, commenter = user("mona", 2), user("hubot", 480938)
    payload = {
        "action": "created",
        "issue": {
            "url": issue_url,
            "repository_url": f"{API}/repos/{full_name}",
            "labels_url": f"{issue_url}/labels{{/name}}",
            "comments_url": f"{issue_url}/comments",
            "events_url": f"{issue_url}/events",
            "html_url": f"https://github.com/{full_name}/issues/{100 + number % 50}",
            "id": 2681230000 + number % 50,
            "node_id": "I_kwDOLFp5Uc6f0Ohy",
            "number": 100 + number % 50,
            "title": "The client waits far too long after an outage",
            "user": author,
            "labels": [],
            "state": "open",
            "locked": False,
            "assignees": [],
            "comments": 3,
            "created_at": "2026-11-19T18:20:31Z",
            "updated_at": "2026-11-20T07:41:52Z",
            "author_association": "CONTRIBUTOR",
            "body": PARAGRAPH,
            "reactions": {"url": f"{issue_url}/reactions", "total_count": 0, "+1": 0, "-1": 0},
            "timeline_url": f"{issue_url}/timeline",
        },
        "comment": {
            "url": f"{API}/repos/{full_name}/issues/comments/{2490000000 + number}",
            "html_url": f"https://github.com/{full_name}/issues/100#issuecomment-{number}",
            "issue_url": issue_url,
            "id": 2490000000 + number,
            "node_id": "IC_kwDOLFp5Uc6UaX1w",
            "user": commenter,
            "created_at": "2026-11-20T07:41:52Z",
            "updated_at": "2026-11-20T07:41:52Z",
            "author_association": "MEMBER",
            # A command: the intake keeps no comment that is none.
            "body": f"/odyssey status\n\n{PARAGRAPH * 4}",
            "reactions": {"url": f"{issue_url}/reactions", "total_count": 0, "+1": 0, "-1": 0},
            "performed_via_github_app": None,
        },
        "repository": repository(full_name),
        "organization": {"login": full_name.split("/")[0], "id": 9919, "url": f"{API}/orgs/octo"},
        "sender": commenter,
        "installation": {"id": 47112, "node_id": "MDIzOkludGVncmF0aW9uSW5zdGFsbGF0aW9uNDcxMTI="},
    }
    return json.dumps(payload, separators=(",", ":")).encode()
