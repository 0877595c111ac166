package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Statement.Target;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.OptionalInt;

/// Runs a template once: writes its text and keeps its variables. What a hostile template could exhaust is
/// limited: steps, the length of texts and lists, and depth.
final class Interpreter {
    private static final long MOST_STEPS = 10_000_000;
    private static final int LONGEST = 16_000_000;
    private static final int MOST_ITEMS = 1_000_000;

    /// What a statement wants of the loop around it.
    private enum Flow {
        ON,
        BREAK,
        CONTINUE
    }

    private final Scope global;
    private final Evaluator evaluator = new Evaluator(this);
    private final List<Rendered.Span> generations = new ArrayList<>();
    private OptionalInt hiddenLine = OptionalInt.empty();
    private StringBuilder out = new StringBuilder();
    private int captures;
    private int line = 1;
    private long steps;

    Interpreter(Map<String, Object> variables) {
        this.global = Scope.outermost(variables);
    }

    Rendered render(List<Statement> statements) {
        try {
            run(statements, global.inner());
        } catch (PythonError e) {
            throw TemplateException.at(line, e);
        } catch (StackOverflowError e) {
            throw TemplateException.at(line, "the template calls itself too deeply");
        } catch (ArithmeticException e) {
            throw TemplateException.at(line, "a number is too large: " + e.getMessage());
        }
        return new Rendered(out.toString(), List.copyOf(generations), hiddenLine);
    }

    /// Notes the line for errors, and that something was done.
    void step(int currentLine) {
        line = currentLine;
        if (++steps > MOST_STEPS) {
            throw PythonError.other("it takes more than %,d steps".formatted(MOST_STEPS));
        }
    }

    /// The value of an expression.
    Object value(Expression expression, Scope scope) {
        return evaluator.value(expression, scope);
    }

    /// The text that statements write.
    String capture(List<Statement> statements, Scope scope) {
        StringBuilder outer = startCapture();
        run(statements, scope);
        return endCapture(outer);
    }

    /// The text of a loop over `values`, called by the loop itself.
    String captureLoop(Statement.For loop, Object values, Scope scope, int depth) {
        StringBuilder outer = startCapture();
        loop(loop, values, scope, depth);
        return endCapture(outer);
    }

    private StringBuilder startCapture() {
        StringBuilder outer = out;
        out = new StringBuilder();
        captures++;
        return outer;
    }

    private String endCapture(StringBuilder outer) {
        String text = out.toString();
        out = outer;
        captures--;
        return text;
    }

    /// Refuses what is too large to go on with.
    static <T> T bounded(T value) {
        if (value instanceof String text) {
            requireBounded(text.length());
        } else if (value instanceof List<?> list) {
            requireFew(list.size());
        }
        return value;
    }

    /// Items take more memory than characters.
    static void requireFew(long items) {
        if (items > MOST_ITEMS) {
            throw PythonError.other("a list of %,d items; at most %,d are allowed".formatted(items, MOST_ITEMS));
        }
    }

    static void requireBounded(long size) {
        if (size > LONGEST) {
            throw PythonError.other("a value of size %,d; at most %,d is allowed".formatted(size, LONGEST));
        }
    }

    private void write(String text) {
        requireBounded((long) out.length() + text.length());
        out.append(text);
    }

    private Flow run(List<Statement> statements, Scope scope) {
        for (Statement statement : statements) {
            step(statement.line());
            Flow flow = run(statement, scope);
            if (flow != Flow.ON) {
                return flow;
            }
        }
        return Flow.ON;
    }

    private Flow run(Statement statement, Scope scope) {
        return switch (statement) {
            case Statement.Data data -> {
                write(data.text());
                yield Flow.ON;
            }
            case Statement.Output output -> {
                write(Python.str(value(output.value(), scope)));
                yield Flow.ON;
            }
            case Statement.If branch ->
                run(Python.truth(value(branch.condition(), scope)) ? branch.body() : branch.otherwise(), scope);
            case Statement.For loop -> loop(loop, value(loop.values(), scope), scope, 0);
            case Statement.Break _ -> Flow.BREAK;
            case Statement.Continue _ -> Flow.CONTINUE;
            case Statement.With with -> with(with, scope);
            case Statement.Generation generation -> generation(generation, scope);
            case Statement.Set set -> {
                assign(set.target(), evaluator.marked(set.value(), scope), scope);
                yield Flow.ON;
            }
            case Statement.SetBlock set -> {
                String text = capture(set.body(), scope.inner());
                assign(
                        set.target(),
                        set.filter().isPresent()
                                ? evaluator.filtered(set.filter().get(), text, scope)
                                : text,
                        scope);
                yield Flow.ON;
            }
            case Statement.MacroOf macro -> {
                scope.set(macro.name(), new Macro(macro.name(), macro.signature(), macro.body(), scope));
                yield Flow.ON;
            }
            case Statement.CallBlock block -> {
                Macro caller = new Macro(null, block.signature(), block.body(), scope);
                write(Python.str(evaluator.call(block.call(), caller, scope)));
                yield Flow.ON;
            }
            case Statement.FilterBlock block -> {
                Scope inner = scope.inner();
                String text = capture(block.body(), inner);
                write(text(evaluator.filtered(block.filter(), text, inner)));
                yield Flow.ON;
            }
        };
    }

    /// Jinja joins what blocks write without making texts of it first.
    private static String text(Object filtered) {
        if (filtered instanceof String || filtered instanceof Markup) {
            return Python.str(filtered);
        }
        throw PythonError.type("the filter of a {%% filter %%} block gives a %s; expected a text"
                .formatted(Python.typeName(filtered)));
    }

    /// Jinja runs the `else` of a loop unless one turn of it came to its end: after a `break` or `continue`
    /// in each of them, it does too.
    private Flow loop(Statement.For loop, Object values, Scope scope, int depth) {
        Loop state = new Loop(loop, scope, kept(loop, values, scope), depth);
        boolean ended = false;
        while (state.advance()) {
            step(loop.line());
            Scope iteration = scope.inner();
            iteration.set("loop", state);
            assign(loop.target(), state.current(), iteration);
            Flow flow = run(loop.body(), iteration);
            if (flow == Flow.BREAK) {
                break;
            }
            ended |= flow == Flow.ON;
        }
        return ended ? Flow.ON : run(loop.otherwise(), scope.inner());
    }

    private List<Object> kept(Statement.For loop, Object values, Scope scope) {
        List<Object> all = Python.items(values);
        if (loop.condition().isEmpty()) {
            return all;
        }
        List<Object> kept = new ArrayList<>();
        for (Object item : all) {
            Scope test = scope.inner();
            assign(loop.target(), item, test);
            if (Python.truth(value(loop.condition().get(), test))) {
                kept.add(item);
            }
        }
        return kept;
    }

    private Flow with(Statement.With with, Scope scope) {
        Scope inner = scope.inner();
        for (int i = 0; i < with.targets().size(); i++) {
            assign(with.targets().get(i), evaluator.marked(with.values().get(i), scope), inner);
        }
        return run(with.body(), inner);
    }

    private Flow generation(Statement.Generation generation, Scope scope) {
        int start = out.length();
        Flow flow = run(generation.body(), scope.inner());
        if (captures == 0) {
            generations.add(new Rendered.Span(start, out.length()));
        } else if (hiddenLine.isEmpty()) {
            hiddenLine = OptionalInt.of(generation.line());
        }
        return flow;
    }

    private void assign(Target target, Object value, Scope scope) {
        switch (target) {
            case Target.Variable variable -> scope.set(variable.name(), value);
            case Target.Member member -> {
                if (!(scope.get(member.namespace()) instanceof Namespace namespace)) {
                    throw PythonError.other(
                            "'%s' is no namespace, so '%s.%s' cannot be set; make it one with namespace()"
                                    .formatted(member.namespace(), member.namespace(), member.name()));
                }
                namespace.set(member.name(), value);
            }
            case Target.Several several -> {
                List<Object> parts = Python.items(Markup.plain(value));
                int expected = several.targets().size();
                if (parts.size() != expected) {
                    throw PythonError.value("%d values for %d names".formatted(parts.size(), expected));
                }
                Iterator<Object> each = parts.iterator();
                several.targets().forEach(one -> assign(one, each.next(), scope));
            }
        }
    }
}
