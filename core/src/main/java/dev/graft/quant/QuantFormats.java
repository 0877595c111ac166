package dev.graft.quant;

import java.util.List;
import java.util.Optional;

/// The formats Graft knows, by name.
public final class QuantFormats {
    private static final List<QuantFormat> ALL = List.of(
            new Nf4(false),
            new Fp4(false),
            new Int8Rows(),
            new Int4(),
            new AffineInt8(),
            new Dynamic8(),
            new Dynamic8(256, false));

    private QuantFormats() {}

    /// One of each, with its usual settings.
    public static List<QuantFormat> all() {
        return ALL;
    }

    public static Optional<QuantFormat> named(String name) {
        return ALL.stream().filter(format -> format.name().equals(name)).findFirst();
    }
}
