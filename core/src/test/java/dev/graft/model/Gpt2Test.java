package dev.graft.model;

import java.util.stream.Stream;

class Gpt2Test extends ArchitectureContract {
    static final Golden PUBLISHED = Golden.named("gpt2-tiny");
    static final Golden VARIANT = Golden.named("gpt2-tiny-variant");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(PUBLISHED, VARIANT);
    }
}
