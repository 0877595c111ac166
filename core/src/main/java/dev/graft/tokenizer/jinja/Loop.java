package dev.graft.tokenizer.jinja;

import java.util.ArrayList;
import java.util.List;

/// The variable `loop` within a `{% for %}`: where it stands, its neighbours, and, in a recursive loop,
/// itself to call for inner values.
final class Loop implements Attributes, Callable {
    private final Statement.For statement;
    private final Scope definition;
    private final List<Object> values;
    private final int depth;
    private int index = -1;
    private List<Object> lastChecked;

    /// @param depth  0 for the outermost
    Loop(Statement.For statement, Scope definition, List<Object> values, int depth) {
        this.statement = statement;
        this.definition = definition;
        this.values = values;
        this.depth = depth;
    }

    @Override
    public String toString() {
        return "<LoopContext %d/%d>".formatted(index + 1, values.size());
    }

    boolean advance() {
        return ++index < values.size();
    }

    Object current() {
        return values.get(index);
    }

    @Override
    public Object attribute(String name) {
        int count = values.size();
        return switch (name) {
            case "index" -> Numbers.of(index + 1);
            case "index0" -> Numbers.of(index);
            case "revindex" -> Numbers.of(count - index);
            case "revindex0" -> Numbers.of(count - index - 1);
            case "first" -> index == 0;
            case "last" -> index == count - 1;
            case "length" -> Numbers.of(count);
            case "depth" -> Numbers.of(depth + 1);
            case "depth0" -> Numbers.of(depth);
            case "previtem" -> index > 0 ? values.get(index - 1) : new Undefined("there is no previous item");
            case "nextitem" -> index + 1 < count ? values.get(index + 1) : new Undefined("there is no next item");
            case "cycle" -> (Callable) (_, arguments) -> cycled(arguments.positional());
            case "changed" -> (Callable) (_, arguments) -> changed(arguments.positional());
            default -> Python.MISSING;
        };
    }

    private Object cycled(List<Object> choices) {
        if (choices.isEmpty()) {
            throw PythonError.type("no items for cycling given");
        }
        return choices.get(index % choices.size());
    }

    private boolean changed(List<Object> seen) {
        boolean same = lastChecked != null && Python.equal(lastChecked, seen);
        lastChecked = new ArrayList<>(seen);
        return !same;
    }

    @Override
    public Object call(Interpreter interpreter, Arguments arguments) {
        if (!statement.recursive()) {
            throw PythonError.type("loop(…) needs a loop that ends with the word \"recursive\"");
        }
        Object inner = arguments.bind("iterable").get("iterable");
        return interpreter.captureLoop(statement, inner, definition, depth + 1);
    }
}
