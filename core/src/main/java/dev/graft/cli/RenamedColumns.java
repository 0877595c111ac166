package dev.graft.cli;

import java.util.LinkedHashMap;
import java.util.Map;
import picocli.CommandLine.Option;

/// Other names of the columns of given rows.
final class RenamedColumns {
    @Option(
            names = "--columns",
            split = ",",
            paramLabel = "COLUMN=NAME",
            description = "Other names of columns: prompt=question,completion=answer.")
    private Map<String, String> names = new LinkedHashMap<>();

    /// The names in the file by the usual ones; empty where none was given.
    Map<String, String> names() {
        return names;
    }
}
