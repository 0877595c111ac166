package dev.graft.model;

import java.util.stream.Stream;

class Qwen3MoeTest extends ArchitectureContract {
    static final Golden TINY = Golden.named("qwen3-moe-tiny");
    static final Golden STEP = Golden.named("qwen3-moe-step");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(TINY, STEP);
    }
}
