package dev.graft.tokenizer.jinja;

import dev.graft.tokenizer.jinja.Statement.Signature;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/// `{% macro %}`, or the body of a `{% call %}`: text with parameters. It sees the variables of the place
/// where it is written, not of the place where it is called.
///
/// @param name  None for the body of a `{% call %}`
record Macro(String name, Signature signature, List<Statement> body, Scope definition) implements Callable, Attributes {
    /// What a macro may be given beyond its parameters, if it reads it.
    static final Set<String> EXTRAS = Set.of("caller", "varargs", "kwargs");

    @Override
    public Object call(Interpreter interpreter, Arguments arguments) {
        Scope scope = definition.inner();
        Map<String, Object> named = new LinkedHashMap<>(arguments.named());
        parameters(interpreter, scope, arguments.positional(), named);
        extras(scope, arguments.positional(), named);
        return interpreter.capture(body, scope);
    }

    private void parameters(Interpreter interpreter, Scope scope, List<Object> positional, Map<String, Object> named) {
        List<String> names = signature.names();
        int required = names.size() - signature.defaults().size();
        for (int i = 0; i < names.size(); i++) {
            String parameter = names.get(i);
            if (i < positional.size()) {
                if (named.containsKey(parameter) && !signature.extras().contains("kwargs")) {
                    throw PythonError.type("macro '%s' got multiple values for '%s'".formatted(name, parameter));
                }
                scope.set(parameter, positional.get(i));
            } else if (named.containsKey(parameter)) {
                scope.set(parameter, named.remove(parameter));
            } else if (i >= required) {
                scope.set(parameter, interpreter.value(signature.defaults().get(i - required), scope));
            } else {
                scope.set(parameter, new Undefined("parameter '%s' was not provided".formatted(parameter)));
            }
        }
    }

    private void extras(Scope scope, List<Object> positional, Map<String, Object> named) {
        int count = signature.names().size();
        if (signature.extras().contains("caller") && !signature.names().contains("caller")) {
            boolean given = named.containsKey("caller");
            scope.set("caller", given ? named.remove("caller") : new Undefined("No caller defined"));
        }
        if (signature.extras().contains("kwargs")) {
            scope.set("kwargs", new LinkedHashMap<Object, Object>(named));
        } else if (!named.isEmpty()) {
            throw PythonError.type("macro '%s' takes no keyword argument '%s'"
                    .formatted(name, named.keySet().iterator().next()));
        }
        if (signature.extras().contains("varargs")) {
            int from = Math.min(count, positional.size());
            scope.set("varargs", new Tuple(positional.subList(from, positional.size())));
        } else if (positional.size() > count) {
            throw PythonError.type("macro '%s' takes not more than %d argument(s)".formatted(name, count));
        }
    }

    @Override
    public Object attribute(String attribute) {
        return switch (attribute) {
            case "name" -> name;
            case "arguments" -> new Tuple(List.copyOf(signature.names()));
            case "caller", "catch_varargs", "catch_kwargs" ->
                signature.extras().contains(attribute.replace("catch_", ""));
            default -> Python.MISSING;
        };
    }
}
