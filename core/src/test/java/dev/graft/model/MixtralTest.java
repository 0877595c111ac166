package dev.graft.model;

import java.util.stream.Stream;

class MixtralTest extends ArchitectureContract {
    static final Golden TINY = Golden.named("mixtral-tiny");

    @Override
    Stream<Golden> goldens() {
        return Stream.of(TINY);
    }
}
