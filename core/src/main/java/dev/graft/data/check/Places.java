package dev.graft.data.check;

import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Rows that have a fault: how many of each file, and the numbers of the first.
final class Places {
    private static final int SHOWN = 5;

    private final Map<Path, OfFile> files = new LinkedHashMap<>();
    private int count;

    private static final class OfFile {
        private final TreeSet<Integer> first = new TreeSet<>();
        private final List<String> notes = new ArrayList<>();
        private int count;
    }

    void add(Path file, int row) {
        add(file, row, "");
    }

    /// @param note  about this row; that of the first is shown
    void add(Path file, int row, String note) {
        OfFile place = files.computeIfAbsent(file, _ -> new OfFile());
        place.count++;
        count++;
        if (place.first.size() < SHOWN) {
            place.first.add(row);
        }
        if (place.notes.isEmpty() && !note.isEmpty()) {
            place.notes.add("row %d %s".formatted(row, note));
        }
    }

    int count() {
        return count;
    }

    int count(Path file) {
        return files.containsKey(file) ? files.get(file).count : 0;
    }

    /// `train.jsonl: 7 rows: 1, 4, 9, 12, 15, …; row 1 is …`
    List<String> lines() {
        return files.entrySet().stream()
                .map(entry -> line(entry.getKey(), entry.getValue()))
                .toList();
    }

    private static String line(Path file, OfFile place) {
        String numbers = place.first.stream().map(String::valueOf).collect(Collectors.joining(", "));
        return String.format(
                Locale.ROOT,
                "%s: %s %s%s%s",
                file,
                place.count == 1 ? "row" : "%,d rows:".formatted(place.count),
                numbers,
                place.count > place.first.size() ? ", …" : "",
                place.notes.isEmpty() ? "" : "; " + place.notes.getFirst());
    }
}
