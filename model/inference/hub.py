"""Bundles on the Hugging Face Hub: fetched to serve them, pushed to share them.

    MODEL_ID=OWNER/NAME    the repository whose bundle is served in place of the shipped one
    MODEL_REVISION=...     its commit (which cannot change), tag or branch; default: main

A repository holds the files of one bundle and a README made from the model card.
"""

import logging
import re
from collections.abc import Mapping
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi, snapshot_download
from huggingface_hub.errors import (
    HFValidationError,
    HTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from model.errors import BundleError
from model.inference.bundle import (
    LITERT_FILE,
    MANIFEST_FILE,
    NETWORK_FILE,
    OOD_FILE,
    OOD_FILE_IN_FORMAT_1,
    PICTURE_FILE,
    RELEASED,
    SIMILAR_FILE,
    Manifest,
    check_files,
    file_sha256,
    read_manifest,
)

log = logging.getLogger(__name__)

MODEL_ID, MODEL_REVISION = "MODEL_ID", "MODEL_REVISION"
FILES = (MANIFEST_FILE, NETWORK_FILE, LITERT_FILE, OOD_FILE, SIMILAR_FILE, PICTURE_FILE)
FILES += (OOD_FILE_IN_FORMAT_1,)

_TIMEOUT = 10.0  # seconds until the Hub counts as unreachable
_FRONT_MATTER = """\
---
license: cc-by-nc-4.0
library_name: keras
pipeline_tag: image-classification
tags: [keras, dermatology, dermoscopy, skin-lesion, isic-2019, multimodal, education]
---

"""


def chosen_bundle(environment: Mapping[str, str]) -> Path:
    """Give the bundle that the environment names, or the shipped one.

    The shipped one also stands in, with a warning in the log, while the Hub cannot be reached.

    Raises:
        BundleError: there is no such repository or revision, or its bundle is damaged.
    """
    repository = environment.get(MODEL_ID, "").strip()
    revision = environment.get(MODEL_REVISION, "").strip() or "main"
    if not repository:
        return RELEASED
    try:
        return fetch_bundle(repository, revision)
    except (OSError, HTTPError) as error:
        log.warning("%s cannot be fetched (%s); the shipped network serves", repository, error)
        return RELEASED


def fetch_bundle(repository: str, revision: str) -> Path:
    """Fetch a bundle into the Hub's cache, or find it there, and check its hash.

    Raises:
        BundleError: there is no such repository or revision, or its bundle is damaged.
        OSError, HTTPError: the Hub cannot be reached and the cache does not have the bundle.
    """
    try:
        folder = snapshot_download(
            repository, revision=revision, allow_patterns=list(FILES), etag_timeout=_TIMEOUT
        )
    except (RepositoryNotFoundError, RevisionNotFoundError, HFValidationError) as error:
        raise BundleError(
            f"the Hub has no public repository {repository!r} with the revision {revision!r}. "
            f"Correct {MODEL_ID} and {MODEL_REVISION}; for a private one, set HF_TOKEN."
        ) from error
    read_whole(Path(folder))
    return Path(folder)


def push_bundle(bundle: Path, repository: str, *, card: Path, private: bool = False) -> str:
    """Push a bundle and its card in one commit; returns the commit's hash.

    Raises:
        BundleError: the bundle is damaged, or the Hub refuses it.
    """
    read_whole(bundle)
    files = [CommitOperationAdd(name, bundle / name) for name in FILES if (bundle / name).exists()]
    readme = CommitOperationAdd("README.md", hub_card(card.read_text(encoding="utf-8")).encode())
    api = HfApi()
    try:
        api.create_repo(repository, private=private, exist_ok=True)
        message = f"Bundle {file_sha256(bundle / NETWORK_FILE)[:12]}"
        return api.create_commit(repository, [*files, readme], commit_message=message).oid
    except (OSError, HTTPError, HFValidationError) as error:
        raise BundleError(
            f"the Hub did not take the bundle for {repository!r}: {error}. "
            "Give OWNER/NAME and set HF_TOKEN to a token that may write there."
        ) from error


def read_whole(bundle: Path) -> Manifest:
    """Read the manifest of a bundle and check all of its files.

    Raises:
        BundleError: one is not, or is missing.
    """
    manifest = read_manifest(bundle)
    check_files(bundle, manifest)
    return manifest


def hub_card(card: str) -> str:
    """Turn the model card into a README of the Hub; links into the project become plain text."""
    return _FRONT_MATTER + re.sub(r"\[([^\]]+)\]\((?!https?:)[^)]*\)", r"\1", card)
