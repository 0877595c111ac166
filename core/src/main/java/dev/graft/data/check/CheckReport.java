package dev.graft.data.check;

import dev.graft.data.check.Lint.Severity;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/// What a check of rows found.
///
/// @param rows      that were looked at
/// @param findings  one of a kind at most, errors before warnings as [Lint] orders them
public record CheckReport(int rows, List<Finding> findings) {

    public CheckReport {
        findings = List.copyOf(findings);
    }

    public List<Finding> errors() {
        return findings.stream().filter(Finding::stops).toList();
    }

    public List<Finding> warnings() {
        return findings.stream()
                .filter(finding -> !finding.allowed() && finding.severity() == Severity.WARNING)
                .toList();
    }

    public List<Finding> allowed() {
        return findings.stream().filter(Finding::allowed).toList();
    }

    /// Fails when anything was found that stops a run.
    ///
    /// @param how to let something through, with `%s` for the names
    public void requireNoErrors(String how) {
        List<Finding> errors = errors();
        if (!errors.isEmpty()) {
            throw new IllegalArgumentException("the data is not fit to train on:\n%s\nIf it is so on purpose: %s."
                    .formatted(
                            errors.stream().map(Finding::text).collect(Collectors.joining("\n")),
                            how.formatted(errors.stream()
                                    .map(finding -> finding.lint().label())
                                    .collect(Collectors.joining(",")))));
        }
    }

    /// As `data_report.json` holds it.
    public List<Map<String, Object>> json() {
        return findings.stream().map(Finding::json).toList();
    }
}
