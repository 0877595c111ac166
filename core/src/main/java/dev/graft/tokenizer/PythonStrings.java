package dev.graft.tokenizer;

import java.beans.FeatureDescriptor;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import jinjava.javax.el.ELContext;
import jinjava.javax.el.ELResolver;
import jinjava.javax.el.MethodNotFoundException;

/// The methods of Python's `str` that templates call. Without it the engine would call those of Java's
/// `String`, which are other ones (`startsWith`) or mean something else (`split` by a regular expression).
final class PythonStrings extends ELResolver {

    @Override
    public Object invoke(ELContext context, Object base, Object method, Class<?>[] types, Object[] arguments) {
        if (!(base instanceof String text)) {
            return null;
        }
        context.setPropertyResolved(true);
        String first = arguments.length == 0 || arguments[0] == null ? null : arguments[0].toString();
        return switch (method + "/" + arguments.length) {
            case "strip/0", "strip/1" -> stripEnd(stripStart(text, first), first);
            case "lstrip/0", "lstrip/1" -> stripStart(text, first);
            case "rstrip/0", "rstrip/1" -> stripEnd(text, first);
            case "startswith/1" -> text.startsWith(first);
            case "endswith/1" -> text.endsWith(first);
            case "upper/0" -> text.toUpperCase(Locale.ROOT);
            case "lower/0" -> text.toLowerCase(Locale.ROOT);
            case "title/0" -> title(text);
            case "capitalize/0" -> capitalized(text);
            case "replace/2" -> text.replace(first, arguments[1].toString());
            case "find/1" -> text.indexOf(first);
            case "count/1" -> text.split(Pattern.quote(first), -1).length - 1;
            case "split/0" ->
                text.isBlank() ? List.of() : Arrays.asList(text.strip().split("\\s+"));
            case "split/1" -> Arrays.asList(text.split(Pattern.quote(first), -1));
            default ->
                throw new MethodNotFoundException(
                        "strings have no method \"%s\" with %d arguments here".formatted(method, arguments.length));
        };
    }

    private static boolean stripped(char c, String characters) {
        return characters == null ? Character.isWhitespace(c) : characters.indexOf(c) >= 0;
    }

    private static String stripStart(String text, String characters) {
        int at = 0;
        while (at < text.length() && stripped(text.charAt(at), characters)) {
            at++;
        }
        return text.substring(at);
    }

    private static String stripEnd(String text, String characters) {
        int end = text.length();
        while (end > 0 && stripped(text.charAt(end - 1), characters)) {
            end--;
        }
        return text.substring(0, end);
    }

    private static String title(String text) {
        return Arrays.stream(text.split("(?<=\\P{L})|(?=\\P{L})"))
                .map(PythonStrings::capitalized)
                .collect(Collectors.joining());
    }

    private static String capitalized(String text) {
        return text.isEmpty()
                ? text
                : text.substring(0, 1).toUpperCase(Locale.ROOT)
                        + text.substring(1).toLowerCase(Locale.ROOT);
    }

    @Override
    public Object getValue(ELContext context, Object base, Object property) {
        return null; // left to the resolvers behind this one, as everything below
    }

    @Override
    public Class<?> getType(ELContext context, Object base, Object property) {
        return null;
    }

    @Override
    public void setValue(ELContext context, Object base, Object property, Object value) {}

    @Override
    public boolean isReadOnly(ELContext context, Object base, Object property) {
        return true;
    }

    @Override
    public Iterator<FeatureDescriptor> getFeatureDescriptors(ELContext context, Object base) {
        return Collections.emptyIterator();
    }

    @Override
    public Class<?> getCommonPropertyType(ELContext context, Object base) {
        return Object.class;
    }
}
