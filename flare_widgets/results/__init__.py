"""Results of jobs: models, metrics, evaluation, statistics and files, read from a downloaded folder.

Nothing in a result is executed, unless you load a pickle by name.
"""

from ..monitoring.job.records import MetricRecord
from .array_headers import ArrayInfo
from .exports import to_mlflow, to_tensorboard
from .models import Model
from .result import JobConfig, Result

__all__ = ["ArrayInfo", "JobConfig", "MetricRecord", "Model", "Result", "to_mlflow", "to_tensorboard"]
