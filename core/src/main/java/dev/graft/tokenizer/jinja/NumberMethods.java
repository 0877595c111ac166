package dev.graft.tokenizer.jinja;

/// The attributes of Python's numbers that a template could want.
final class NumberMethods {

    private NumberMethods() {}

    static Object of(Object number, String name) {
        return switch (name) {
            case "real" -> number instanceof Double ? number : Numbers.whole(number);
            case "imag" -> number instanceof Double ? (Object) 0.0 : Numbers.of(0);
            case "is_integer" ->
                (Callable) (_, arguments) -> {
                    arguments.requireNone();
                    return !(number instanceof Double real) || Double.isFinite(real) && real == Math.rint(real);
                };
            case "bit_length" ->
                number instanceof Double
                        ? Python.MISSING
                        : (Callable) (_, arguments) -> {
                            arguments.requireNone();
                            return Numbers.of(Numbers.whole(number).abs().bitLength());
                        };
            default -> Python.MISSING;
        };
    }
}
