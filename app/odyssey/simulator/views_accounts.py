"""Accounts, Apps and installations as the API and the webhooks show them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

from odyssey.simulator.ids import node_id, optional_timestamp, timestamp
from odyssey.simulator.state import App, Installation, Json, User

if TYPE_CHECKING:
    from odyssey.simulator.server import Simulator


def simple_user(simulator: Simulator, user: User) -> Json:
    """The `simple-user` schema."""
    url = f"{simulator.api_url}/users/{quote(user.login)}"
    page = user.login.removesuffix("[bot]")
    prefix = "apps/" if user.kind == "Bot" else ""
    return {
        "login": user.login,
        "id": user.id,
        "node_id": node_id("User", user.id),
        "avatar_url": f"{simulator.web_url}/avatars/u/{user.id}?v=4",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{simulator.web_url}/{prefix}{page}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": user.kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def optional_user(simulator: Simulator, user: User | None) -> Json | None:
    """`simple_user`, or None for none."""
    return None if user is None else simple_user(simulator, user)


def private_user(simulator: Simulator, user: User) -> Json:
    """The `private-user` schema: what `GET /user` answers."""
    return {
        **public_user(simulator, user),
        "private_gists": 0,
        "total_private_repos": 0,
        "owned_private_repos": 0,
        "disk_usage": 0,
        "collaborators": 0,
        "two_factor_authentication": True,
        "user_view_type": "private",
    }


def public_user(simulator: Simulator, user: User) -> Json:
    """The `public-user` schema: what `GET /users/{username}` answers."""
    created = timestamp(user.created_at)
    return {
        **simple_user(simulator, user),
        "name": user.name,
        "company": None,
        "blog": "",
        "location": None,
        "email": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": created,
        "updated_at": created,
    }


def integration(simulator: Simulator, app: App) -> Json:
    """The `integration` schema: an App."""
    installed = [i for i in simulator.state.installations.values() if i.app is app]
    return {
        "id": app.app_id,
        "client_id": app.client_id,
        "slug": app.slug,
        "node_id": node_id("App", app.app_id),
        "owner": simple_user(simulator, app.owner),
        "name": app.slug,
        "description": "",
        "external_url": f"{simulator.web_url}/apps/{app.slug}",
        "html_url": f"{simulator.web_url}/apps/{app.slug}",
        "created_at": timestamp(app.created_at),
        "updated_at": timestamp(app.created_at),
        "permissions": {"metadata": "read", **app.permissions},
        "events": list(app.events),
        "installations_count": len(installed),
    }


def optional_integration(simulator: Simulator, app: App | None) -> Json | None:
    """`integration` without the count, as it is nested in other objects; None for none."""
    if app is None:
        return None
    shown = integration(simulator, app)
    del shown["installations_count"]
    return shown


def installation(simulator: Simulator, made: Installation) -> Json:
    """The `installation` schema."""
    url = f"{simulator.api_url}/app/installations/{made.installation_id}"
    return {
        "id": made.installation_id,
        "client_id": made.app.client_id,
        "account": simple_user(simulator, made.account),
        "repository_selection": "all" if made.repository_ids is None else "selected",
        "access_tokens_url": f"{url}/access_tokens",
        "repositories_url": f"{simulator.api_url}/installation/repositories",
        "html_url": f"{simulator.web_url}/settings/installations/{made.installation_id}",
        "app_id": made.app.app_id,
        "app_slug": made.app.slug,
        "target_id": made.account.id,
        "target_type": "Organization" if made.account.kind == "Organization" else "User",
        "permissions": {"metadata": "read", **made.permissions},
        "events": list(made.events),
        "created_at": timestamp(made.created_at),
        "updated_at": timestamp(made.created_at),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": optional_user(simulator, made.suspended_by),
        "suspended_at": optional_timestamp(made.suspended_at),
    }
