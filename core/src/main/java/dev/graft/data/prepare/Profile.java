package dev.graft.data.prepare;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;

/// What a pass over rows finds out about them: lengths, repetitions, odd texts, columns and how their
/// values are spread. Nothing is judged here.
public final class Profile {
    /// Columns with more different values are not categories.
    private static final int MOST_CATEGORIES = 200;
    private static final int LONGEST_CATEGORY = 60;

    private final NearDuplicates near;
    private final boolean compares;
    private final Set<String> texts = new HashSet<>();
    private final List<String> places = new ArrayList<>();
    private final Map<String, Column> columns = new LinkedHashMap<>();
    private final Map<String, Integer> scripts = new TreeMap<>();
    private final Map<Pii, Integer> pii = new TreeMap<>();
    private final Lengths characters = new Lengths();
    private final Lengths words = new Lengths();
    private final Seen empty = new Seen();
    private final Seen exact = new Seen();
    private final Seen alike = new Seen();
    private final Seen odd = new Seen();
    private final Seen mojibake = new Seen();
    private int rows;

    /// @param similarity from which rows count as nearly the same; empty leaves them uncompared
    public Profile(OptionalDouble similarity) {
        this.compares = similarity.isPresent();
        this.near = new NearDuplicates(similarity.orElse(1));
    }

    /// How many rows something was seen in, and where first.
    public static final class Seen {
        private static final int EXAMPLES = 5;
        private final List<String> examples = new ArrayList<>();
        private int rows;

        void in(String where) {
            rows++;
            if (examples.size() < EXAMPLES) {
                examples.add(where);
            }
        }

        public int rows() {
            return rows;
        }

        /// The first few places.
        public List<String> examples() {
            return Collections.unmodifiableList(examples);
        }
    }

    /// One key of the rows.
    public static final class Column {
        private final Map<String, Integer> kinds = new TreeMap<>();
        private final Map<String, Integer> values = new LinkedHashMap<>();
        private boolean categorical = true;
        private int filled;

        private void add(JsonNode value) {
            kinds.merge(kind(value), 1, Integer::sum);
            if (value.isNull() || (value.isTextual() && value.textValue().isBlank())) {
                return;
            }
            filled++;
            if (categorical) {
                String text = value.isContainerNode() ? "" : value.asText();
                categorical = !value.isContainerNode()
                        && text.length() <= LONGEST_CATEGORY
                        && (values.size() < MOST_CATEGORIES || values.containsKey(text));
                values.merge(text, 1, Integer::sum);
            }
        }

        private static String kind(JsonNode value) {
            return switch (value.getNodeType()) {
                case ARRAY -> "list";
                case BOOLEAN -> "truth value";
                case NULL -> "null";
                case NUMBER -> value.isIntegralNumber() ? "whole number" : "number";
                case OBJECT -> "object";
                default -> "text";
            };
        }

        /// Rows in which it is neither missing, null nor blank.
        public int filled() {
            return filled;
        }

        /// How many values of each kind it has: text, list, number, …
        public Map<String, Integer> kinds() {
            return Collections.unmodifiableMap(kinds);
        }

        /// How often each value stands in it, the most frequent first; empty unless values repeat.
        public Map<String, Integer> categories() {
            Map<String, Integer> sorted = new LinkedHashMap<>();
            if (categorical && values.size() > 1 && values.size() * 2 <= filled) {
                values.entrySet().stream()
                        .sorted(Map.Entry.<String, Integer>comparingByValue()
                                .reversed()
                                .thenComparing(Map.Entry.comparingByKey()))
                        .forEach(entry -> sorted.put(entry.getKey(), entry.getValue()));
            }
            return sorted;
        }
    }

    /// What can be said of a row without knowing the others.
    public record Looked(
            ObjectNode row,
            boolean blank,
            TextStatistics statistics,
            List<Pii> pii,
            String fingerprint,
            Optional<NearDuplicates.Sketch> sketch) {}

    /// The work of one row that needs no other; several threads may do it at once.
    public Looked look(ObjectNode row) {
        String text = RowTexts.of(row);
        return new Looked(
                row,
                text.isBlank(),
                TextStatistics.of(text),
                Pii.find(text, EnumSet.allOf(Pii.class)).stream()
                        .map(Pii.Finding::kind)
                        .distinct()
                        .toList(),
                Fingerprint.of(text),
                compares ? Optional.of(near.sketch(text)) : Optional.empty());
    }

    /// Adds a row that was looked at.
    ///
    /// @param where names its place, such as `train.jsonl row 17`
    public void add(String where, Looked looked) {
        rows++;
        ObjectNode row = looked.row;
        row.properties()
                .forEach(field -> columns.computeIfAbsent(field.getKey(), _ -> new Column())
                        .add(field.getValue()));
        TextStatistics statistics = looked.statistics;
        characters.add(statistics.characters());
        words.add(statistics.words());
        if (looked.blank) {
            empty.in(where);
        }
        if (statistics.oddCharacters() > 0) {
            odd.in(where);
        }
        if (statistics.mojibake() > 0) {
            mojibake.in(where);
        }
        statistics.script().ifPresent(script -> scripts.merge(script.name(), 1, Integer::sum));
        looked.pii.forEach(kind -> pii.merge(kind, 1, Integer::sum));
        compare(where, looked);
    }

    private void compare(String where, Looked looked) {
        if (!texts.add(looked.fingerprint)) {
            exact.in(where);
        } else if (compares) {
            NearDuplicates.Sketch sketch = looked.sketch.orElseThrow();
            near.nearest(sketch)
                    .ifPresent(match -> alike.in(
                            "%s (%.2f like %s)".formatted(where, match.similarity(), places.get(match.index()))));
            near.add(sketch);
            places.add(where);
        }
    }

    public int rows() {
        return rows;
    }

    public Map<String, Column> columns() {
        return Collections.unmodifiableMap(columns);
    }

    /// Rows by the script that most of their letters are in.
    public Map<String, Integer> scripts() {
        return Collections.unmodifiableMap(scripts);
    }

    /// Rows that hold personal data, by its kind.
    public Map<Pii, Integer> pii() {
        return Collections.unmodifiableMap(pii);
    }

    /// Characters of the texts of each row.
    public Lengths characters() {
        return characters;
    }

    public Lengths words() {
        return words;
    }

    /// Rows without any text.
    public Seen empty() {
        return empty;
    }

    /// Rows whose texts an earlier row has too.
    public Seen exactDuplicates() {
        return exact;
    }

    /// Rows that are nearly like an earlier one, but not the same.
    public Seen nearDuplicates() {
        return alike;
    }

    /// Rows with control, replacement or unassigned characters.
    public Seen odd() {
        return odd;
    }

    /// Rows with places that look like UTF-8 read in another encoding.
    public Seen mojibake() {
        return mojibake;
    }
}
