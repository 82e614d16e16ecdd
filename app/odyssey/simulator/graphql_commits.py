"""createCommitOnBranch: one signed commit on a branch whose head the caller names."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from odyssey.simulator.git import Git, GitError
from odyssey.simulator.graphql_connections import Node, Refusal
from odyssey.simulator.graphql_git import commit, ref
from odyssey.simulator.graphql_nodes import find_node
from odyssey.simulator.graphql_objects import Desk
from odyssey.simulator.ids import decode_ref_id
from odyssey.simulator.pushes import RefUpdate, apply
from odyssey.simulator.refusals import judge
from odyssey.simulator.state import Repository
