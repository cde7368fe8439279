"""Holds the words of the CodeWhisperer streaming API that several modules here share."""

NAME = "codewhisperer"

ORIGIN = "CLI"
"""Where a message is said to come from; the API has a fixed list (its model, `Origin`)."""

IMAGES = {
    "image/png": "png",
    "image/jpeg": "jpeg",
    "image/gif": "gif",
    "image/webp": "webp",
}
"""The API's word for each media type of an image that it takes (its model, `ImageFormat`)."""
