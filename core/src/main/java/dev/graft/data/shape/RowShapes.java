package dev.graft.data.shape;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.shape.RowShape.Kind;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;

/// Every shape that rows may have, and which of them a row has.
public final class RowShapes {

    /// One line a shape.
    public static final List<RowShape> ALL = List.of(
            new TextShape(),
            new PromptCompletionShape(),
            new Messages(),
            new Alpaca(),
            new ShareGpt(),
            new PreferenceShape(),
            new UnpairedShape(),
            new ClassificationShape(),
            new PromptShape());

    private RowShapes() {}

    /// The shapes a row may have, of those that leave none of its columns to a fuller one.
    ///
    /// A row of `prompt`, `completion` and a `label` of true is `unpaired` and not `prompt_completion`,
    /// because the latter would take what is undesirable for something to learn.
    ///
    /// @param mapped  columns that the user gave a meaning to; a shape must use them
    public static List<RowShape> of(ObjectNode row, Set<String> mapped) {
        List<RowShape> found = fitting(row, mapped, filled(row));
        return found.isEmpty() ? fitting(row, mapped, names(row)) : found; // a null is better named by its shape
    }

    public static Optional<RowShape> named(String name) {
        return ALL.stream().filter(shape -> shape.name().equals(name)).findFirst();
    }

    /// Every column that a shape knows, sorted.
    public static Set<String> columns() {
        Set<String> columns = new TreeSet<>();
        ALL.forEach(shape -> columns.addAll(shape.columns()));
        return columns;
    }

    /// The shapes of one kind with a sample of each, one a line.
    public static String samples(Kind kind) {
        return ALL.stream()
                .filter(shape -> shape.kind() == kind)
                .map(shape -> "  " + shape.sample())
                .collect(Collectors.joining("\n"));
    }

    /// Names of the columns that hold something else than null.
    public static Set<String> filled(ObjectNode row) {
        Set<String> filled = new LinkedHashSet<>();
        row.properties().forEach(column -> {
            if (!column.getValue().isNull()) {
                filled.add(column.getKey());
            }
        });
        return filled;
    }

    /// `"a", "b"`, for sentences.
    public static String quoted(Set<String> names) {
        return names.stream().map(name -> '"' + name + '"').collect(Collectors.joining(", "));
    }

    private static Set<String> names(ObjectNode row) {
        Set<String> names = new LinkedHashSet<>();
        row.fieldNames().forEachRemaining(names::add);
        return names;
    }

    private static List<RowShape> fitting(ObjectNode row, Set<String> mapped, Set<String> present) {
        List<RowShape> found = new ArrayList<>();
        List<Set<String>> uses = new ArrayList<>();
        for (RowShape shape : ALL) {
            Set<String> used = shape.uses(row, present);
            if (!used.isEmpty() && used.containsAll(mapped)) {
                found.add(shape);
                uses.add(used);
            }
        }
        List<RowShape> fullest = new ArrayList<>();
        for (int i = 0; i < found.size(); i++) {
            Set<String> mine = uses.get(i);
            if (uses.stream().noneMatch(other -> other.size() > mine.size() && other.containsAll(mine))) {
                fullest.add(found.get(i));
            }
        }
        return fullest;
    }
}
