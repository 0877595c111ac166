package dev.graft.peft;

import com.fasterxml.jackson.databind.JsonNode;
import dev.graft.format.FormatException;
import java.nio.file.Path;
import java.util.Map;
import java.util.Set;

/// `loftq_config` of an adapter's file: `{loftq_bits, loftq_iter}`.
final class LoftqConfig {
    private static final Map<Integer, String> FORMATS = Map.of(4, "nf4", 8, "int8");

    private LoftqConfig() {}

    /// What is written for an adapter; nothing where its base is the weights as they are quantised anyway.
    static Map<String, Object> of(Lora settings, Set<String> packedAs) {
        if (!isWritten(settings)) {
            return Map.of();
        }
        int bits = FORMATS.entrySet().stream()
                .filter(format -> packedAs.equals(Set.of(format.getValue())))
                .findFirst()
                .orElseThrow(() -> new IllegalArgumentException(
                        "loftq_config has %d iterations and the base is in %s; PEFT knows such adapters of bases in nf4 or int8 only"
                                .formatted(settings.niter(), String.join(" and ", packedAs))))
                .getKey();
        return Map.of("loftq_bits", bits, "loftq_iter", settings.niter());
    }

    /// Whether the base is another than the quantised weights, which only this start can say.
    static boolean isWritten(Lora settings) {
        return settings.init() == Lora.Init.LOFTQ && settings.niter() > 1;
    }

    static int iterations(JsonNode config) {
        return Math.max(1, config.path("loftq_config").path("loftq_iter").asInt(1));
    }

    /// Checks that the base an adapter is loaded on is packed in the bits it was made for.
    static void requireBits(Path file, JsonNode config, Set<String> packedAs) {
        int bits = config.path("loftq_config").path("loftq_bits").asInt(4);
        String format = FORMATS.get(bits);
        if (format == null || !packedAs.equals(Set.of(format))) {
            throw new FormatException(
                    file,
                    "loftq_config says %d bits, and this base is in %s".formatted(bits, String.join(" and ", packedAs)),
                    "a base in nf4 for 4 bits, in int8 for 8",
                    "Load the base as it was quantised for training.");
        }
    }
}
