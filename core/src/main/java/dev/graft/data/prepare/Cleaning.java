package dev.graft.data.prepare;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.prepare.NearDuplicates.Sketch;
import dev.graft.data.prepare.Pii.Finding;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.Set;
import java.util.TreeMap;

/// Goes through rows once and says of each whether it stays, and how it is written then. Everything it
/// does to a row is a [Note], so that nothing goes without a reason.
///
/// A row is first normalised, then held against the limits, then searched for personal data, and last
/// compared with the rows kept before it; of rows that are alike the first stays.
public final class Cleaning {
    private final Options options;
    private final Optional<NearDuplicates> near;
    private final Map<String, String> firstWith = new HashMap<>();
    private final Map<String, String> others = new HashMap<>();
    private final List<String> places = new ArrayList<>();
    private final Map<String, Integer> counts = new TreeMap<>();
    private int rows;
    private int kept;

    public Cleaning(Options options) {
        this.options = options;
        this.near = options.nearDuplicates.isPresent()
                ? Optional.of(new NearDuplicates(options.nearDuplicates.getAsDouble()))
                : Optional.empty();
    }

    /// What to do about personal data.
    public enum PiiAction {
        /// not looked for
        IGNORE,
        /// noted, the row stays as it is
        REPORT,
        /// replaced by a word such as `<EMAIL>`
        MASK,
        /// the row goes
        REMOVE;

        /// As it is written in options.
        @Override
        public String toString() {
            return name().toLowerCase(Locale.ROOT);
        }
    }

    /// @param normalise       how texts are written alike
    /// @param exactDuplicates whether of rows with the same text only the first stays
    /// @param nearDuplicates  similarity from which a row counts as a repetition
    /// @param by              keys of the row whose texts are compared; empty for all of them
    /// @param limits          bounds of each row's text
    /// @param pii             what to do about personal data
    /// @param kinds           which of it is looked for
    public record Options(
            Set<Normalisation> normalise,
            boolean exactDuplicates,
            OptionalDouble nearDuplicates,
            List<String> by,
            QualityLimits limits,
            PiiAction pii,
            Set<Pii> kinds) {
        public Options {
            normalise = Set.copyOf(normalise);
            by = List.copyOf(by);
            kinds = Set.copyOf(kinds);
        }
    }

    /// Something done to a row, or seen in it.
    ///
    /// @param action `removed`, `changed` or `reported`
    /// @param reason one word: `empty`, `exact_duplicate`, `near_duplicate`, `normalised`, `pii_email`, …
    /// @param detail the same in a sentence, never with the personal data itself
    public record Note(String action, String reason, String detail) {}

    /// @param row   as it is to be written; empty when it goes
    /// @param notes everything done to it
    public record Outcome(Optional<ObjectNode> row, List<Note> notes) {}

    /// What can be said of a row without knowing the others.
    ///
    /// @param row          as it is to be written
    /// @param fault        why it goes
    /// @param fingerprint  of what is compared
    public record Seen(
            ObjectNode row, List<Note> notes, Optional<Note> fault, String fingerprint, Optional<Sketch> sketch) {}

    /// The work of one row that needs no other; several threads may do it at once.
    public Seen seen(ObjectNode row) {
        List<Note> notes = new ArrayList<>();
        ObjectNode result = normalised(row, notes);
        String text = RowTexts.of(result);
        Optional<Note> removed = fault(text);
        if (removed.isEmpty()) {
            List<Finding> found = options.pii == PiiAction.IGNORE ? List.of() : Pii.find(text, options.kinds);
            if (!found.isEmpty()) {
                if (options.pii == PiiAction.REMOVE) {
                    removed = Optional.of(piiNotes("removed", found).getFirst());
                } else {
                    notes.addAll(piiNotes(options.pii == PiiAction.MASK ? "changed" : "reported", found));
                    result = options.pii == PiiAction.MASK
                            ? RowTexts.mapped(result, part -> Pii.masked(part, Pii.find(part, options.kinds)))
                            : result;
                }
            }
        }
        String compared = removed.isPresent() ? "" : RowTexts.of(result, options.by);
        return new Seen(
                result,
                notes,
                removed,
                removed.isPresent() ? "" : Fingerprint.of(compared),
                removed.isPresent() ? Optional.empty() : near.map(index -> index.sketch(compared)));
    }

    /// Remembers a row of other files, whose repetitions are to go; it is neither counted nor written.
    public void against(Seen seen, String where) {
        if (seen.fault.isEmpty()) {
            others.putIfAbsent(seen.fingerprint, where);
            seen.sketch.ifPresent(sketch -> remember(sketch, where));
        }
    }

    /// Counts a row that cannot be read.
    public Note broken(String reason) {
        rows++;
        counts.merge("removed broken", 1, Integer::sum);
        return new Note("removed", "broken", reason);
    }

    /// Decides about the next row.
    ///
    /// @param where names its place for the notes of later rows, such as `train.jsonl row 17`
    public Outcome next(ObjectNode row, String where) {
        return next(seen(row), where);
    }

    /// The same for a row that was looked at.
    public Outcome next(Seen seen, String where) {
        rows++;
        List<Note> notes = new ArrayList<>(seen.notes);
        Optional<Note> removed = seen.fault.or(() -> repetition(seen, where));
        removed.ifPresent(notes::add);
        notes.forEach(note -> counts.merge(note.action + " " + note.reason, 1, Integer::sum));
        kept += removed.isEmpty() ? 1 : 0;
        return new Outcome(removed.isEmpty() ? Optional.of(seen.row) : Optional.empty(), List.copyOf(notes));
    }

    private ObjectNode normalised(ObjectNode row, List<Note> notes) {
        ObjectNode result = RowTexts.mapped(row, text -> Normalisation.apply(text, options.normalise));
        if (!result.equals(row)) {
            notes.add(new Note("changed", "normalised", "its texts were written differently"));
        }
        return result;
    }

    private Optional<Note> fault(String text) {
        if (text.isBlank()) {
            return Optional.of(new Note("removed", "empty", "it holds no text"));
        }
        return options.limits
                .fault(TextStatistics.of(text))
                .map(fault -> new Note("removed", fault.reason(), fault.detail()));
    }

    private static List<Note> piiNotes(String action, List<Finding> found) {
        Map<Pii, Integer> byKind = new TreeMap<>();
        found.forEach(finding -> byKind.merge(finding.kind(), 1, Integer::sum));
        return byKind.entrySet().stream()
                .map(entry -> new Note(
                        action,
                        "pii_" + entry.getKey().label(),
                        "%d of kind %s"
                                .formatted(entry.getValue(), entry.getKey().label())))
                .toList();
    }

    private Optional<Note> repetition(Seen seen, String where) {
        String other = others.get(seen.fingerprint);
        if (other != null) {
            return Optional.of(new Note("removed", "exact_duplicate", "the same as " + other));
        }
        if (options.exactDuplicates) {
            String first = firstWith.putIfAbsent(seen.fingerprint, where);
            if (first != null) {
                return Optional.of(new Note("removed", "exact_duplicate", "the same as " + first));
            }
        }
        if (near.isPresent()) {
            Sketch sketch = seen.sketch.orElseThrow();
            var nearest = near.get().nearest(sketch);
            if (nearest.isPresent()) {
                return Optional.of(new Note(
                        "removed",
                        "near_duplicate",
                        String.format(
                                Locale.ROOT,
                                "%.3f similar to %s",
                                nearest.get().similarity(),
                                places.get(nearest.get().index()))));
            }
            remember(sketch, where);
        }
        return Optional.empty();
    }

    private void remember(Sketch sketch, String where) {
        near.orElseThrow().add(sketch);
        places.add(where);
    }

    public int rows() {
        return rows;
    }

    public int kept() {
        return kept;
    }

    /// How often each thing was done: `removed near_duplicate` → 17.
    public Map<String, Integer> counts() {
        return new LinkedHashMap<>(counts);
    }
}
