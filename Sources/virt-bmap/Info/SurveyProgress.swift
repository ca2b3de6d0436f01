import Glibc

/// Shows the progress of examining a disk's tables, on standard error if that is a terminal. Standard output is for the
/// answer.
final class SurveyProgress {
  private var bar: ProgressBar?

  init() { bar = isatty(STDERR_FILENO) == 1 ? ProgressBar(descriptor: STDERR_FILENO) : nil }

  func show(_ fraction: Double) { bar?.update(fraction) }

  func finish() { bar?.finish() }
}
