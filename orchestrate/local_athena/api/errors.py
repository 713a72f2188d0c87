"""The errors of the APIs, as AWS shapes them."""

from __future__ import annotations


class ApiError(Exception):
    """A request that fails.

    Attributes:
        code: The name of the exception in the service's model, as `EntityNotFoundException`.
        message: One line for the reader.
        status: HTTP status.
        details: Further members of the exception.
    """

    def __init__(self, code: str, message: str, status: int = 400, **details: str) -> None:
        """Make the error from its code and message."""
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.details = details


def invalid_request(message: str) -> ApiError:
    """Athena's answer to a request that it cannot serve."""
    return ApiError("InvalidRequestException", message, AthenaErrorCode="INVALID_INPUT")


def access_denied(message: str) -> ApiError:
    """The answer to whoever may not do what it asks."""
    return ApiError("AccessDeniedException", message)
