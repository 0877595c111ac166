package dev.graft.data.prepare;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.EnumSet;
import java.util.Set;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

class PiiTest {
    private static final Set<Pii> ALL = EnumSet.allOf(Pii.class);

    private static String masked(String text) {
        return Pii.masked(text, Pii.find(text, ALL));
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "write to ann.o+x@mail.example.co.uk, please | write to <EMAIL>, please",
                "4111 1111 1111 1111 is a card               | <CARD> is a card",
                "5500-0000-0000-0004.                        | <CARD>.",
                "DE89 3704 0044 0532 0130 00 or GB82WEST12345698765432 | <IBAN> or <IBAN>",
                "call +49 (30) 901820 or (212) 555-0187      | call <PHONE> or <PHONE>",
                "call 212-555-0187 at 8                      | call <PHONE> at 8",
                "from 8.8.8.8 to 127.0.0.1                   | from <IP> to 127.0.0.1",
                "id AKIAIOSFODNN7EXAMPLE ok                  | id <KEY> ok",
                "t=ghp_0123456789abcdefghijABCDEFGHIJ012345  | t=<KEY>",
                "a@b.io,c@d.io                               | <EMAIL>,<EMAIL>"
            })
    void whatHasAFormIsFound(String text, String expected) {
        assertThat(masked(text)).isEqualTo(expected);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "4111 1111 1111 1112 fails the check digit",
                "version 1.2.3 of 2024-01-31, 10:30",
                "DE89 3704 0044 0532 0130 01 fails its check",
                "1234567890 is a count, 3.14159265358979 a number",
                "price: 1,234,567,890,123",
                "0000 0000 0000 0000",
                "@mention and a@b",
                "999.1.1.1",
                "skating and sk-short"
            })
    void whatOnlyLooksLikeItIsLeft(String text) {
        assertThat(Pii.find(text, ALL)).isEmpty();
    }

    @Test
    void privateKeysGoWhole() {
        String key = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nAAAA==\n-----END RSA PRIVATE KEY-----";
        assertThat(masked("a\n" + key + "\nb")).isEqualTo("a\n<KEY>\nb");
    }

    @Test
    void onlyTheKindsAskedForAreFound() {
        assertThat(Pii.find("a@b.io 8.8.8.8", EnumSet.of(Pii.IP))).containsExactly(new Pii.Finding(Pii.IP, 7, 14));
    }

    @Property(tries = 200)
    void aMaskedTextHoldsNothingMore(@ForAll String before, @ForAll String after) {
        String once = masked(before + " a@b.io 4111111111111111 " + after);
        assertThat(masked(once)).isEqualTo(once);
    }

    @Test
    void longTextsTakeNoLongerThanTheirLength() {
        String text = "a".repeat(200_000) + "1".repeat(200_000) + ".1".repeat(100_000) + " 1".repeat(100_000);
        assertThat(Pii.find(text, EnumSet.of(Pii.EMAIL, Pii.KEY, Pii.IBAN))).isEmpty();
    }
}
