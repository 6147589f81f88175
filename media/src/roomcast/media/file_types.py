"""The file types that this release accepts, with the aliases that browsers and operating systems use.

A client may announce a type by any of its names; Roomcast stores the first name. For an extension that the operating
system does not know (Markdown on Windows, HEIC on Linux), browsers announce no type or `application/octet-stream`. Then
the extension decides. The stored bytes are checked later, so a wrong announcement does no harm.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class FileType(NamedTuple):
    """One file type.

    extensions: storage keys end with the first extension; a downloaded file may have any of them
    aliases: other MIME types with the same meaning
    family: the container or archive format; types of one family cannot be told apart reliably by the bytes
    shows: whether a browser may display the file; otherwise it downloads the file
    """

    extensions: tuple[str, ...]
    aliases: tuple[str, ...] = ()
    family: str = ""
    shows: bool = False


TEXT: Final = "text"
ISO_MEDIA: Final = "iso-media"
MATROSKA: Final = "matroska"
OGG: Final = "ogg"
ZIP: Final = "zip"
OLE: Final = "ole"

_OFFICE: Final = "application/vnd.openxmlformats-officedocument."
_OPEN: Final = "application/vnd.oasis.opendocument."

FILE_TYPES: Final[dict[str, FileType]] = {
    "image/png": FileType(("png",), ("image/x-png", "image/apng"), shows=True),
    "image/jpeg": FileType(
        ("jpg", "jpeg", "jfif", "jpe", "pjpeg"), ("image/jpg", "image/pjpeg", "image/jpe", "image/x-jpeg"), shows=True
    ),
    "image/gif": FileType(("gif",), shows=True),
    "image/webp": FileType(("webp",), shows=True),
    "image/avif": FileType(("avif", "avifs"), ("image/avif-sequence",), shows=True),
    "image/heic": FileType(
        ("heic", "heif", "hif"),
        ("image/heif", "image/heic-sequence", "image/heif-sequence", "image/x-heic", "image/x-heif"),
    ),
    "image/bmp": FileType(
        ("bmp", "dib"), ("image/x-ms-bmp", "image/x-bmp", "image/x-windows-bmp", "image/ms-bmp"), shows=True
    ),
    "image/tiff": FileType(("tiff", "tif"), ("image/tif", "image/x-tif", "image/x-tiff")),
    "video/mp4": FileType(
        ("mp4", "m4v", "mp4v"), ("video/x-m4v", "video/m4v", "video/x-mp4", "application/mp4"), ISO_MEDIA, shows=True
    ),
    "video/quicktime": FileType(("mov", "qt"), ("video/mov", "video/x-quicktime"), ISO_MEDIA, shows=True),
    "video/3gpp": FileType(("3gp", "3gpp", "3g2"), ("video/3gpp2", "audio/3gpp", "audio/3gpp2"), ISO_MEDIA, shows=True),
    "video/webm": FileType(("webm",), family=MATROSKA, shows=True),
    "video/x-matroska": FileType(("mkv", "mk3d"), ("video/matroska", "application/x-matroska"), MATROSKA, shows=True),
    "video/ogg": FileType(("ogv",), ("video/x-ogg", "video/theora"), OGG, shows=True),
    "video/mpeg": FileType(("mpg", "mpeg"), ("video/mpg", "video/x-mpeg"), shows=True),
    "video/x-msvideo": FileType(("avi",), ("video/avi", "video/msvideo", "video/vnd.avi")),
    "video/x-ms-wmv": FileType(("wmv", "asf"), ("video/x-ms-asf", "audio/x-ms-wma")),
    "audio/mp4": FileType(
        ("m4a", "mp4", "m4b"), ("audio/x-m4a", "audio/m4a", "audio/x-mp4", "audio/x-m4b"), ISO_MEDIA, shows=True
    ),
    "audio/mpeg": FileType(
        ("mp3", "mpga"),
        ("audio/mp3", "audio/x-mp3", "audio/mpeg3", "audio/x-mpeg-3", "audio/x-mpeg", "audio/mpg", "audio/x-mpg"),
        shows=True,
    ),
    "audio/aac": FileType(("aac", "adts"), ("audio/x-aac", "audio/aacp", "audio/vnd.dlna.adts"), shows=True),
    "audio/ogg": FileType(
        ("ogg", "oga", "opus", "spx"), ("audio/opus", "audio/vorbis", "audio/x-ogg", "application/ogg"), OGG, shows=True
    ),
    "audio/webm": FileType(("weba", "webm"), family=MATROSKA, shows=True),
    "audio/wav": FileType(
        ("wav", "wave"), ("audio/x-wav", "audio/wave", "audio/vnd.wave", "audio/x-pn-wav"), shows=True
    ),
    "audio/flac": FileType(("flac",), ("audio/x-flac",), shows=True),
    "audio/aiff": FileType(("aiff", "aif", "aifc"), ("audio/x-aiff",)),
    "audio/amr": FileType(("amr",), ("audio/x-amr",)),
    "audio/midi": FileType(("mid", "midi"), ("audio/mid", "audio/x-midi", "application/x-midi")),
    "application/pdf": FileType(("pdf",), ("application/x-pdf", "application/acrobat", "text/pdf")),
    "application/rtf": FileType(("rtf",), ("text/rtf", "application/x-rtf", "text/richtext")),
    "text/plain": FileType(
        ("txt", "text", "log", "md", "csv", "tsv", "json", "yaml", "yml", "toml", "ini", "conf", "diff", "patch"),
        family=TEXT,
    ),
    "text/csv": FileType(
        ("csv",),
        (
            "application/csv",
            "text/x-csv",
            "application/x-csv",
            "text/comma-separated-values",
            "text/x-comma-separated-values",
        ),
        TEXT,
    ),
    "text/tab-separated-values": FileType(("tsv", "tab"), family=TEXT),
    "text/markdown": FileType(("md", "markdown", "mkd", "mdown"), ("text/x-markdown", "text/x-web-markdown"), TEXT),
    "text/calendar": FileType(("ics", "ical"), ("application/ics", "text/x-vcalendar"), TEXT),
    "text/vcard": FileType(("vcf", "vcard"), ("text/x-vcard", "text/directory", "application/vcard"), TEXT),
    "application/json": FileType(("json",), ("text/json", "application/x-json"), TEXT),
    "application/yaml": FileType(("yaml", "yml"), ("text/yaml", "text/x-yaml", "application/x-yaml"), TEXT),
    "application/zip": FileType(
        ("zip",), ("application/x-zip-compressed", "application/x-zip", "application/zip-compressed"), ZIP
    ),
    f"{_OFFICE}wordprocessingml.document": FileType(("docx",), family=ZIP),
    f"{_OFFICE}spreadsheetml.sheet": FileType(("xlsx",), family=ZIP),
    f"{_OFFICE}presentationml.presentation": FileType(("pptx",), family=ZIP),
    f"{_OPEN}text": FileType(("odt",), family=ZIP),
    f"{_OPEN}spreadsheet": FileType(("ods",), family=ZIP),
    f"{_OPEN}presentation": FileType(("odp",), family=ZIP),
    "application/msword": FileType(("doc",), ("application/vnd.ms-word", "application/x-msword"), OLE),
    "application/vnd.ms-excel": FileType(("xls",), ("application/excel", "application/x-msexcel"), OLE),
    "application/vnd.ms-powerpoint": FileType(("ppt",), ("application/mspowerpoint", "application/powerpoint"), OLE),
}
"""All types whose bytes this release can check. A deployment may allow fewer types (`ROOMCAST_MEDIA_TYPES`)."""

ACTIVE_EXTENSIONS: Final = frozenset(
    {"svg", "svgz", "html", "htm", "xhtml", "xht", "shtml", "mhtml", "mht", "xml", "js", "mjs"}
)
"""The extensions of documents that a browser runs. Files with such an extension are refused, whatever their type."""

_UNSPECIFIC: Final = frozenset({"", "application/octet-stream", "binary/octet-stream", "application/unknown"})
_CSV_FROM_EXCEL: Final = ("application/vnd.ms-excel", "csv")
"""The type and extension that Windows with Excel announces for CSV files, though the type means Excel workbooks."""


def _types_by_extension() -> dict[str, str]:
    """Map each extension to the type that has it as the first extension, or else to the first type that lists it."""
    found: dict[str, str] = {}
    for name, kind in FILE_TYPES.items():
        found |= {extension: name for extension in kind.extensions if extension not in found}
    return found | {kind.extensions[0]: name for name, kind in FILE_TYPES.items()}


_BY_NAME: Final = {alias: name for name, kind in FILE_TYPES.items() for alias in (name, *kind.aliases)}
_BY_EXTENSION: Final = _types_by_extension()


def canonical(content_type: str) -> str | None:
    """Return the type in FILE_TYPES with this name or alias, or None for an unknown type. Ignore MIME parameters."""
    return _BY_NAME.get(content_type.partition(";")[0].strip().lower())


def resolve(content_type: str, file_name: str) -> str | None:
    """Return the type in FILE_TYPES for an announced type and file name, or None for an unknown type.

    If the announced type is unspecific, the extension of `file_name` decides.
    """
    bare = content_type.partition(";")[0].strip().lower()
    extension = split_extension(file_name)[1]
    if bare in _UNSPECIFIC or (bare, extension) == _CSV_FROM_EXCEL:
        return _BY_EXTENSION.get(extension)
    return canonical(bare)


def split_extension(name: str) -> tuple[str, str]:
    """Split a file name into stem and lower-case extension, which may be empty."""
    stem, dot, extension = name.rpartition(".")
    return (stem, extension.lower()) if dot and stem else (name, "")
