package dev.graft.quant;

import java.util.Set;
import java.util.TreeSet;

/// What the 4-bit formats of bitsandbytes have in common.
final class FourBit {
    /// Numbers that share a scale, as many as bitsandbytes allows.
    static final Set<Integer> BLOCKS = Set.of(32, 64, 128, 256, 512, 1024, 2048, 4096);

    static final int DEFAULT_BLOCK = 64;

    private FourBit() {}

    /// The allowed sizes, for messages.
    static String blocks() {
        return new TreeSet<>(BLOCKS).toString();
    }

    static void check(String name, int block) {
        if (!BLOCKS.contains(block)) {
            throw new IllegalArgumentException(
                    "%s in blocks of %d; expected one of %s".formatted(name, block, blocks()));
        }
    }
}
