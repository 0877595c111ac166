package dev.graft.data.prepare;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.Set;
import net.jqwik.api.Arbitraries;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import org.junit.jupiter.api.Test;

class NormalisationTest {
    private static final Set<Normalisation> ALL = EnumSet.allOf(Normalisation.class);

    @Test
    void eachDoesWhatItsNameSays() {
        assertThat(Normalisation.NFC.of("e\u0301")).isEqualTo("é");
        assertThat(Normalisation.NEWLINES.of("a\r\nb\rc\n")).isEqualTo("a\nb\nc\n");
        assertThat(Normalisation.CONTROL.of("\uFEFFa\u0000b\tc\u200Bd\n")).isEqualTo("ab\tcd\n");
        assertThat(Normalisation.SPACES.of("a\u00A0b  \n\n\n\nc \t")).isEqualTo("a b\n\nc");
    }

    @Test
    void joinersOfEmojiStay() {
        String family = "👨\u200D👩\u200D👧";
        assertThat(Normalisation.apply(family, ALL)).isEqualTo(family);
    }

    @Property
    void twiceIsOnce(@ForAll("texts") String text) {
        String once = Normalisation.apply(text, ALL);
        assertThat(Normalisation.apply(once, ALL)).isEqualTo(once);
    }

    @Provide
    Arbitrary<String> texts() {
        return Arbitraries.strings()
                .withChars("ab \t\r\n\u00A0\u0301\u200B\u0000e\u3000")
                .ofMaxLength(30);
    }
}
