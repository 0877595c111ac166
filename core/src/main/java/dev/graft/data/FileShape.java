package dev.graft.data;

import com.fasterxml.jackson.databind.node.ObjectNode;
import dev.graft.data.shape.RowShape;
import dev.graft.data.shape.RowShape.Kind;
import dev.graft.data.shape.RowShapes;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/// The shape that the rows of one file have in common, found from the first of them; whatever differs is
/// a fault.
final class FileShape {
    private static final String COLUMNS_ADVICE =
            "data.columns of a recipe (--columns on the command line) can say what other columns mean, such as {prompt: question, completion: answer}.\n";

    private final Path file;
    private final Input input;
    private final Kind kind;
    private final Faults faults = new Faults();
    private final Map<String, Found> found = new LinkedHashMap<>();
    private RowShape shape;
    private List<String> unused = List.of();
    private int rows;
    private boolean misfits;

    /// How many rows have a shape, and which of them is the first.
    private record Found(int count, int first) {}

    FileShape(Path file, Input input, Kind kind) {
        this.file = file;
        this.input = input;
        this.kind = kind;
        input.shape().flatMap(RowShapes::named).ifPresent(named -> {
            requireKind(List.of(named), 1);
            shape = named;
        });
    }

    void broken(int number, String reason) {
        rows++;
        faults.add(number, reason);
    }

    /// The example that a row holds; empty, and a fault, where it holds none.
    Optional<Example> example(int number, ObjectNode columns) {
        rows++;
        try {
            ObjectNode row = input.renamed(columns);
            RowShape its = input.shape().isPresent() ? shape : shapeOf(number, row);
            if (found.isEmpty()) {
                unused = unused(row, its);
            }
            found.merge(its.name(), new Found(1, number), (was, one) -> new Found(was.count + 1, was.first));
            return Optional.of(its.example(row));
        } catch (IllegalArgumentException e) {
            if (e instanceof Unusable) {
                throw e;
            }
            misfits = true;
            faults.add(number, e.getMessage());
            return Optional.empty();
        }
    }

    /// What is wrong with rows of the file, in one text.
    Optional<String> fault() {
        if (rows == 0) {
            return Optional.of("%s is empty. %s".formatted(file, Rows.knownShapes(kind)));
        }
        if (found.size() > 1) {
            String shapes = found.entrySet().stream()
                    .map(e -> e.getValue().count() == 1
                            ? "%s (row %d)".formatted(e.getKey(), e.getValue().first())
                            : "%s (%,d rows, the first is row %d)"
                                    .formatted(
                                            e.getKey(),
                                            e.getValue().count(),
                                            e.getValue().first()))
                    .collect(Collectors.joining(", "));
            return Optional.of("%s: its rows are of several shapes: %s. Put each shape into a file of its own%s"
                    .formatted(
                            file,
                            shapes,
                            faults.count() == 0
                                    ? ""
                                    : "\n"
                                            + faults.text(
                                                    faults.count() == 1
                                                            ? "Besides, 1 row cannot be used:"
                                                            : "Besides, %,d rows cannot be used:"
                                                                    .formatted(faults.count()),
                                                    "")));
        }
        return faults.count() == 0
                ? Optional.empty()
                : Optional.of(faults.text(
                        "%s: %,d of %,d rows cannot be used:".formatted(file, faults.count(), rows),
                        misfits ? (shape == null ? COLUMNS_ADVICE : "") + Rows.knownShapes(kind) : ""));
    }

    ExampleReader.FileSummary summary() {
        return new ExampleReader.FileSummary(file, shape == null ? "none" : shape.name(), rows, unused);
    }

    private RowShape shapeOf(int number, ObjectNode row) {
        List<RowShape> fitting = RowShapes.of(row, input.columns().keySet());
        List<RowShape> usable = fitting.stream().filter(s -> s.kind() == kind).toList();
        if (shape == null) {
            if (fitting.isEmpty()) {
                throw noShape(row);
            }
            requireKind(fitting, number);
            if (usable.size() > 1) {
                throw new Unusable("%s: row %d fits several shapes: %s. Say which one with data.shape"
                        .formatted(file, number, names(usable)));
            }
            shape = usable.getFirst();
        }
        if (usable.contains(shape)) {
            return shape;
        }
        if (!usable.isEmpty()) {
            return usable.getFirst();
        }
        shape.example(row); // says what is missing
        throw fitting.isEmpty()
                ? noShape(row)
                : new IllegalArgumentException(
                        "is of shape %s; the rows before it are %s".formatted(names(fitting), shape.name()));
    }

    private void requireKind(List<RowShape> shapes, int number) {
        if (shapes.stream().anyMatch(s -> s.kind() == kind)) {
            return;
        }
        throw new Unusable("%s: row %d is of shape %s, %s. %s\n%s"
                .formatted(
                        file,
                        number,
                        names(shapes),
                        what(shapes.getFirst().kind()),
                        advice(shapes.getFirst().kind()),
                        Rows.knownShapes(kind)));
    }

    private String what(Kind of) {
        return switch (of) {
            case COMPLETION -> "text to learn";
            case PREFERENCE -> "a better and a worse answer";
            case UNPAIRED -> "answers labelled as desirable or not";
            case CLASSIFICATION -> "texts with a class";
            case PROMPT -> "a prompt without an answer";
        };
    }

    private String advice(Kind of) {
        if (kind != Kind.COMPLETION) {
            return "The objective needs other rows.";
        }
        return switch (of) {
            case PREFERENCE ->
                "To learn the chosen answers (objective: sft), set data.columns to {completion: chosen}.";
            case UNPAIRED ->
                "To learn all answers all the same, the undesirable ones too, set data.shape to prompt_completion or messages.";
            case CLASSIFICATION ->
                "To learn the texts, set data.shape to text; to learn the label as an answer, set data.columns to {prompt: text, completion: label}.";
            case PROMPT -> "If another column holds the answer, set data.columns to {completion: that column}.";
            case COMPLETION -> "";
        };
    }

    private static IllegalArgumentException noShape(ObjectNode row) {
        Set<String> columns = RowShapes.filled(row);
        return new IllegalArgumentException("has none of the known shapes; its keys are "
                + (columns.isEmpty() ? "none" : RowShapes.quoted(columns)));
    }

    private static List<String> unused(ObjectNode row, RowShape shape) {
        List<String> unused = new ArrayList<>(RowShapes.filled(row));
        unused.removeAll(shape.uses(row, RowShapes.filled(row)));
        return unused;
    }

    private static String names(List<RowShape> shapes) {
        return shapes.stream().map(RowShape::name).collect(Collectors.joining(" and "));
    }

    /// The file as a whole is not what is needed: there is no use in reading on.
    private static final class Unusable extends IllegalArgumentException {
        private static final long serialVersionUID = 1;

        Unusable(String message) {
            super(message);
        }
    }
}
