package dev.graft.data.check;

import dev.graft.data.check.Lint.Severity;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;

/// A fault that was found, and where.
///
/// @param severity  of this case; it may be less than usual
/// @param allowed   whether the user lets it through
/// @param rows      how many have it
/// @param sentence  what is wrong
/// @param places    files with the numbers of their first such rows, a line each
/// @param advice    what to do
public record Finding(
        Lint lint,
        Severity severity,
        boolean allowed,
        int rows,
        String sentence,
        List<String> places,
        String advice) {

    public Finding {
        places = List.copyOf(places);
    }

    /// Whether it ends the run.
    public boolean stops() {
        return severity == Severity.ERROR && !allowed;
    }

    /// `error`, `warning`, `allowed`
    public String rank() {
        return allowed ? "allowed" : severity.name().toLowerCase(Locale.ROOT);
    }

    /// All of it, in lines.
    public String text() {
        return "%s: %s\n  %s\n  %s".formatted(lint.label(), sentence, String.join("\n  ", places), advice);
    }

    /// As a report holds it.
    public Map<String, Object> json() {
        Map<String, Object> json = new LinkedHashMap<>();
        json.put("name", lint.label());
        json.put("severity", severity.name().toLowerCase(Locale.ROOT));
        json.put("allowed", allowed);
        json.put("rows", rows);
        json.put("what", sentence);
        json.put("where", places);
        json.put("advice", advice);
        return json;
    }
}
