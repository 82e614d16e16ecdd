"""Repositories as the API and the webhooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from odyssey.simulator.ids import node_id, timestamp
from odyssey.simulator.permissions import role_at_least, role_of
from odyssey.simulator.state import Json, Repository, User
from odyssey.simulator.views_accounts import simple_user

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator

# Suffixes of the hypermedia links, all below /repos/{owner}/{repo}.
_LINKS = {
    "archive_url": "/{archive_format}{/ref}",
    "assignees_url": "/assignees{/user}",
    "blobs_url": "/git/blobs{/sha}",
    "branches_url": "/branches{/branch}",
    "collaborators_url": "/collaborators{/collaborator}",
    "comments_url": "/comments{/number}",
    "commits_url": "/commits{/sha}",
    "compare_url": "/compare/{base}...{head}",
    "contents_url": "/contents/{+path}",
    "contributors_url": "/contributors",
    "deployments_url": "/deployments",
    "downloads_url": "/downloads",
    "events_url": "/events",
    "forks_url": "/forks",
    "git_commits_url": "/git/commits{/sha}",
    "git_refs_url": "/git/refs{/sha}",
    "git_tags_url": "/git/tags{/sha}",
    "hooks_url": "/hooks",
    "issue_comment_url": "/issues/comments{/number}",
    "issue_events_url": "/issues/events{/number}",
    "issues_url": "/issues{/number}",
    "keys_url": "/keys{/key_id}",
    "labels_url": "/labels{/name}",
    "languages_url": "/languages",
    "merges_url": "/merges",
    "milestones_url": "/milestones{/number}",
    "notifications_url": "/notifications{?since,all,participating}",
    "pulls_url": "/pulls{/number}",
    "releases_url": "/releases{/id}",
    "stargazers_url": "/stargazers",
    "statuses_url": "/statuses/{sha}",
    "subscribers_url": "/subscribers",
    "subscription_url": "/subscription",
    "tags_url": "/tags",
    "teams_url": "/teams",
    "trees_url": "/git/trees{/sha}",
}


def repository_url(simulator: Simulator, repository: Repository) -> str:
    """The REST address of *repository*."""
    return f"{simulator.api_url}/repos/{repository.full_name}"


def repository_page(simulator: Simulator, repository: Repository) -> str:
    """The web (and git) address of *repository*."""
    return f"{simulator.web_url}/{repository.full_name}"


def minimal_repository(simulator: Simulator, repository: Repository) -> Json:
    """What the `repository` and `minimal-repository` schemas share; also used in webhooks."""
    url = repository_url(simulator, repository)
    page = repository_page(simulator, repository)
    open_issues = sum(issue.state == "open" for issue in repository.issues.values())
    return {
        "id": repository.id,
        "node_id": node_id("Repository", repository.id),
        "name": repository.name,
        "full_name": repository.full_name,
        "owner": simple_user(simulator, repository.owner),
        "private": repository.private,
        "html_url": page,
        "description": repository.description,
        "fork": False,
        "url": url,
        **{name: url + suffix for name, suffix in _LINKS.items()},
        "git_url": f"git://{page.partition('://')[2]}.git",
        "ssh_url": f"git@{page.partition('://')[2]}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "language": None,
        "forks_count": 0,
        "forks": 0,
        "stargazers_count": 0,
        "watchers_count": 0,
        "watchers": 0,
        "size": 0,
        "default_branch": repository.default_branch,
        "open_issues_count": open_issues,
        "open_issues": open_issues,
        "is_template": False,
        "topics": [],
        "license": None,
        "has_issues": True,
        "has_projects": True,
        "has_wiki": True,
        "has_pages": False,
        "has_discussions": False,
        "archived": repository.archived,
        "disabled": False,
        "visibility": "private" if repository.private else "public",
        "allow_forking": True,
        "web_commit_signoff_required": False,
        "pushed_at": timestamp(repository.pushed_at),
        "created_at": timestamp(repository.created_at),
        "updated_at": timestamp(repository.updated_at),
    }


def webhook_repository(simulator: Simulator, repository: Repository) -> Json:
    """The `repository-webhooks` schema, where `has_downloads` outlived version 2026-03-10."""
    shown = minimal_repository(simulator, repository)
    return {**shown, "has_downloads": True, "custom_properties": {}}


def full_repository(simulator: Simulator, repository: Repository, reader: User | None) -> Json:
    """The `full-repository` schema for *reader*, whose rights it tells."""
    return {
        **plain_repository(simulator, repository, reader),
        "network_count": 0,
        "subscribers_count": 0,
    }


def plain_repository(simulator: Simulator, repository: Repository, reader: User | None) -> Json:
    """The `repository` schema, which lists use."""
    return {
        **minimal_repository(simulator, repository),
        "permissions": permissions_of(reader, repository),
        **merge_settings(repository),
        "allow_auto_merge": False,
        "allow_update_branch": True,
        "temp_clone_token": "",
    }


def merge_settings(repository: Repository) -> Json:
    """The settings that say how pull requests may be merged."""
    return {
        "allow_merge_commit": repository.allow_merge_commit,
        "allow_squash_merge": repository.allow_squash_merge,
        "allow_rebase_merge": repository.allow_rebase_merge,
        "delete_branch_on_merge": repository.delete_branch_on_merge,
        "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
        "squash_merge_commit_message": "COMMIT_MESSAGES",
        "merge_commit_title": "MERGE_MESSAGE",
        "merge_commit_message": "PR_TITLE",
    }


def permissions_of(user: User | None, repository: Repository) -> dict[str, bool]:
    """The five booleans of a collaborator."""
    role = role_of(user, repository) if user else "none"
    wanted = {
        "admin": "admin",
        "maintain": "maintain",
        "push": "write",
        "triage": "triage",
        "pull": "read",
    }
    return {name: role_at_least(role, least) for name, least in wanted.items()}
