"""From a fitted model to a file that Numerai runs, and to the daily submission."""

from sknumerai.submission._check_submission import check_submission
from sknumerai.submission._export import export_model
from sknumerai.submission._preflight import preflight
from sknumerai.submission._preflight_report import PreflightReport
from sknumerai.submission._status import submission_status
from sknumerai.submission._submit import submit_predictions
from sknumerai.submission._upload_model import upload_model

__all__ = [
    "PreflightReport",
    "check_submission",
    "export_model",
    "preflight",
    "submission_status",
    "submit_predictions",
    "upload_model",
]
