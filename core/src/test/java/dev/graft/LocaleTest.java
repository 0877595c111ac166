package dev.graft;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.quant.BitsAndBytes;
import dev.graft.quant.Nf4;
import dev.graft.quant.Quantised;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tokenizer.jinja.Template;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.Locale;
import java.util.Map;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/// What is written for models and for programs is the same on machines of every language.
class LocaleTest {
    private final Locale usual = Locale.getDefault();

    @BeforeEach
    void useAnotherLanguage() {
        Locale.setDefault(Locale.forLanguageTag("ar-EG-u-nu-arab"));
        assertThat("%d".formatted(64)).isEqualTo("٦٤");
    }

    @AfterEach
    void restore() {
        Locale.setDefault(usual);
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "{{ strftime_now('%d %e %f %H %I %j %k %l %M %m %S %y %Y') }}",
                "{{ '%05d %x %.3f %e' % (42, 42, 1234.5, 1234.5) }}",
                "{{ '{:,} {:>6.2f} {:e}'.format(12345, 1.5, 1.5) }}",
                "{{ 1234.5 }} {{ 10 ** 20 }} {{ 1e300 }} {{ 12345 | filesizeformat }} {{ 2.5 | round(1) }}",
                "{{ {'a': 1.5, 'b': 12} | tojson }}"
            })
    void templatesWriteNumbersInTheDigitsOfTheirModels(String template) {
        assertThat(new Template(template).render(Map.of()).text()).matches("\\p{ASCII}*[0-9]\\p{ASCII}*");
    }

    @Test
    void packedWeightsAreDescribedInJson() {
        try (Scope scope = Scope.open();
                Quantised packed = new Nf4(true).quantise(Tensor.full(1, DType.F32, Device.cpu(), 16, 64))) {
            Tensor state = BitsAndBytes.tensors("a.weight", packed).get("a.weight.quant_state.bitsandbytes__nf4");
            String json = new String(state.memory().toArray(ValueLayout.JAVA_BYTE), StandardCharsets.UTF_8);
            assertThat(json).contains("\"blocksize\": 64", "\"shape\": [16, 64]", "\"nested_blocksize\": 256");
        }
    }
}
