"""Addresses and digests of the public scenes; imports neither NumPy nor torch.

The scenes are collected by the Grupo de Inteligencia Computacional (GIC) of the EHU, which states
no digests and no licence.  Its server is known to refuse downloads by programs at times (HTTP 403,
or a web page), so copies with the same digest at fixed commits of GitHub or on Zenodo come first
where they are known.  The download was tested with a local server, and **not run against the live
addresses**: a wrong address ends in an error, and a wrong file is not kept.

Where each SHA-256 comes from:

- all ten: github.com/longlinh/Sw-SSFCM_Algs, ``reproduce/datasets.py``, commit a3cc0a0, "the
  SHA-256 of the copy used to produce the published numbers"; its script downloads from the EHU;
- the five files of labels: computed here from the files at github.com/mhaut/HSI-datasets, commit
  29efb50 (sizes in bytes too); each has the labels of its scene;
- ``PaviaU.mat``, ``Salinas_corrected.mat``: recorded by other public projects too.  Three GitHub
  repositories hold them as the same Git blobs, 6eecc93 and 2a74537, and several projects record
  their MD5 as 165a3c74 and 485d8802, the latter for the file of Zenodo record 15771735;
- ``KSC.mat``: recorded by a second public project;
- ``Pavia.mat``, ``Botswana.mat``: that one record only.

INFERRED: that ``Botswana.mat`` of github.com/mhaut/HSI-datasets has the recorded digest; otherwise
it is refused, and the address of the EHU is tried.  Approximate sizes are those that
github.com/longlinh/Sw-SSFCM_Dataset lists.
"""

from __future__ import annotations

from typing import Final

from hsizoo import PublishedFile

__all__ = ["BOTSWANA", "KSC", "LICENCE", "PAVIA_CENTRE", "PAVIA_UNIVERSITY", "SALINAS"]

LICENCE: Final = "No licence stated by the EHU collection"
_EHU: Final = "https://www.ehu.eus/ccwintco/uploads/"
_GITHUB: Final = (
    "https://raw.githubusercontent.com/mhaut/HSI-datasets/"
    "29efb503bdde94f620ba3873d3a56039fef18257/Classification/"
)
_ZENODO: Final = "https://zenodo.org/records/15771735/files/"


def _file(ehu: str, sha256: str, *copies: str, size: int = 0, about: int = 0) -> PublishedFile:
    """Return a file of the collection; `ehu` is its place there, `copies` come before it."""
    url, *mirrors = (*copies, _EHU + ehu)
    name = ehu.rpartition("/")[2]
    return PublishedFile(name, url, size, sha256, LICENCE, tuple(mirrors), about)


PAVIA_UNIVERSITY: Final = (
    _file(
        "e/ee/PaviaU.mat",
        "28447fa87f7a5797845e9a189c0da85e23b1d06a4ba7361e5ff44efbf834d2fb",
        _GITHUB + "paviaU.mat",
        about=34_000_000,
    ),
    _file(
        "5/50/PaviaU_gt.mat",
        "23f6a426928f9b32984adffe659e29f554f9fb6c93b5a107528d308d5087a829",
        _GITHUB + "paviaU_gt.mat",
        size=11_005,
    ),
)
PAVIA_CENTRE: Final = (
    _file(
        "e/e3/Pavia.mat",
        "b60341da323fd271cd97dd6d7a69514d385ccd7fdfc5a60c4ff5994b047f152e",
        about=132_000_000,
    ),
    _file(
        "5/53/Pavia_gt.mat",
        "7eb54ab81b404dd3ae572e6d0ec211595029e5a847bec2cfb8f9e72d07066b69",
        _GITHUB + "paviaC_gt.mat",
        size=34_887,
    ),
)
SALINAS: Final = (
    _file(
        "a/a3/Salinas_corrected.mat",
        "5ec1c0d22f56d18ecd336f8e35735863c0f160682e04e0c18ef3f89a3334d87d",
        _ZENODO + "Salinas_corrected.mat?download=1",
        _GITHUB + "salinas_corrected.mat",
        about=26_000_000,
    ),
    _file(
        "f/fa/Salinas_gt.mat",
        "ecfab4d31ef5553f097943235d8ea502038eb4a2067b2ad10b33e37c949955e2",
        _ZENODO + "Salinas_gt.mat?download=1",
        _GITHUB + "salinas_gt.mat",
        size=4_277,
    ),
)
KSC: Final = (
    _file(
        "2/26/KSC.mat",
        "b1ad011cfdb65c853e4f9f6108ca4774467d87f90a5c23b74ff3a2984a3b4786",
        about=55_000_000,
    ),
    _file(
        "a/a6/KSC_gt.mat",
        "a1d6ab9293691006bd4d9742d1a1e1c141b1aaa5fbc5fa128b33c1d09038510b",
        _GITHUB + "KSC_gt.mat",
        size=3_240,
    ),
)
BOTSWANA: Final = (
    _file(
        "7/72/Botswana.mat",
        "f1603903c844cdc2980550b0180688e8e1a72d4292595d1120e1dec2a80a91c7",
        _GITHUB + "Botswana.mat",
        about=76_000_000,
    ),
    _file(
        "5/58/Botswana_gt.mat",
        "668394905e10e629c16584bfd02b0f533b96d6ba18a63274a94ff3a77126a887",
        _GITHUB + "Botswana_gt.mat",
        size=4_039,
    ),
)
