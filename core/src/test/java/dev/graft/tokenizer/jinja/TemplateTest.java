package dev.graft.tokenizer.jinja;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import net.jqwik.api.ForAll;
import net.jqwik.api.Property;
import org.junit.jupiter.api.Assertions;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class TemplateTest {

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99) %}{% endfor %}{% endfor %}{% endfor %}",
                "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
                "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
                "{% set ns = namespace(x='aaaaaaaa') %}{% for i in range(100) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
                "{% set ns = namespace(x=[1]) %}{% for i in range(100) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
                "{{ 'a' * 10 ** 12 }}",
                "{{ 10 ** (10 ** 10) }}",
                "{{ 'a'.center(2000000000)|length }}",
                "{{ 'a'.ljust(2000000000)|length }}",
                "{{ '%2000000000d' % 1 }}",
                "{{ '{:999999999}'.format(1) }}",
                "{{ ('a' * 1000000).replace('a', 'a' * 1000000) }}",
                "{{ 'a\\nb'|indent(2000000000) }}",
                "{{ range(10 ** 9) }}",
            })
    void hostileTemplatesEndWithASentence(String source) {
        Template template = new Template(source);
        Assertions.assertTimeoutPreemptively(
                Duration.ofSeconds(60),
                () -> assertThatThrownBy(() -> template.render(Map.of()))
                        .isInstanceOf(TemplateException.class)
                        .hasMessageContaining("line 1"));
    }

    @Test
    void deepNestingEndsWithASentence() {
        assertThatThrownBy(() -> new Template("{{ " + "(".repeat(200_000) + "1" + ")".repeat(200_000) + " }}"))
                .isInstanceOf(TemplateException.class)
                .hasMessageContaining("nested too deeply");
    }

    @Test
    void unknownFiltersAndTestsOfferTheKnownOnes() {
        assertThatThrownBy(() -> new Template("a\nb {{ x | upcase }}"))
                .hasMessageContaining("line 2: there is no filter 'upcase'; the filters are abs,");
        assertThatThrownBy(() -> new Template("{{ x is nice }}")).hasMessageContaining("there is no test 'nice'");
    }

    @Test
    void errorsWithinMacrosNameTheLineWithinTheMacro() {
        assertThatThrownBy(() ->
                        new Template("{% macro m() %}\n{{ none + 1 }}\n{% endmacro %}\n\n{{ m() }}").render(Map.of()))
                .hasMessageContaining("line 2");
    }

    @Test
    void generationsAreFoundWhereTheyStand() {
        Rendered rendered = new Template("é😀{% generation %}ab{% endgeneration %}-{% generation %}{% endgeneration %}")
                .render(Map.of());
        assertThat(rendered.text()).isEqualTo("é😀ab-");
        assertThat(rendered.generations()).containsExactly(new Rendered.Span(3, 5), new Rendered.Span(6, 6));
    }

    @Property(tries = 200)
    void textWithoutTagsIsPrintedAsItStands(@ForAll String text) {
        String source = text.replace("{", "").replace("\r", "");
        String expected = source.endsWith("\n") ? source.substring(0, source.length() - 1) : source;
        assertThat(new Template(source).render(Map.of()).text()).isEqualTo(expected);
    }

    @Property(tries = 200)
    void valuesAreNeverInterpreted(@ForAll String value) {
        assertThat(new Template("{{ x }}{{ l[0] }}{% for y in l %}{{ y }}{% endfor %}")
                        .render(Map.of("x", value, "l", List.of(value)))
                        .text())
                .isEqualTo(value.repeat(3));
    }

    @Property(tries = 200)
    void slicesTakeWhatASimpleLoopTakes(@ForAll List<Integer> items, @ForAll byte from, @ForAll byte to) {
        int size = items.size();
        int start = Math.clamp(from < 0 ? from + size : from, 0, size);
        int stop = Math.clamp(to < 0 ? to + size : to, 0, size);
        String expected = items.subList(start, Math.max(start, stop)).toString();
        assertThat(new Template("{{ l[a:b] }}")
                        .render(Map.of("l", items, "a", (int) from, "b", (int) to))
                        .text())
                .isEqualTo(expected);
    }
}
