package dev.graft;

import static com.tngtech.archunit.base.DescribedPredicate.anyElementThat;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noMethods;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.syntax.elements.ClassesShould;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/// The layers of the architecture: which package may import which. Each missing entry keeps something
/// replaceable.
class LayersTest {
    /// package → packages it may import; `cli` may import all and is imported by none.
    private static final Map<String, Set<String>> MAY_IMPORT = Map.ofEntries(
            Map.entry("tensor", Set.of()),
            Map.entry("kernel", Set.of("tensor")),
            Map.entry("autograd", Set.of("tensor", "kernel")),
            Map.entry("nn", Set.of("tensor", "kernel", "autograd")),
            Map.entry("tokenizer", Set.of("format")),
            Map.entry("quant", Set.of("tensor", "kernel", "autograd", "nn")),
            Map.entry("format", Set.of("tensor", "quant")),
            Map.entry("peft", Set.of("tensor", "kernel", "autograd", "nn", "format")),
            Map.entry("model", Set.of("tensor", "kernel", "autograd", "nn", "format")),
            Map.entry("data", Set.of("tensor", "tokenizer")),
            Map.entry("objective", Set.of("tensor")),
            Map.entry("generate", Set.of("tensor", "autograd", "nn", "tokenizer", "model")),
            Map.entry("optim", Set.of("tensor", "kernel", "autograd")),
            Map.entry(
                    "eval", Set.of("tensor", "autograd", "nn", "tokenizer", "model", "data", "objective", "generate")),
            Map.entry(
                    "train",
                    Set.of("tensor", "autograd", "nn", "model", "data", "objective", "optim", "eval", "format")),
            Map.entry("export", Set.of("tensor", "autograd", "nn", "quant", "peft", "format", "model")));

    private final JavaClasses classes = new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.graft");

    @Test
    void everyPackageImportsOnlyWhatItsRowAllows() {
        MAY_IMPORT.forEach((name, allowed) -> {
            Set<String> forbidden = new TreeSet<>(MAY_IMPORT.keySet());
            forbidden.add("cli");
            forbidden.removeAll(allowed);
            forbidden.remove(name);
            String[] packages = forbidden.stream().map(LayersTest::inside).toArray(String[]::new);
            none(name)
                    .dependOnClassesThat()
                    .resideInAnyPackage(packages)
                    .allowEmptyShould(true)
                    .check(classes);
        });
    }

    @Test
    void onlyTensorTouchesTheNativeBinding() {
        ArchRule rule = noClasses()
                .that()
                .resideOutsideOfPackage(inside("tensor"))
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("org.bytedeco..");
        rule.check(classes);
    }

    /// Where C2 has stopped taking calls in, such a register would be an object made anew in each turn of a
    /// loop (see `Tile`): what is slow then depends on what else has been compiled.
    @Test
    void noRegisterIsHandedToAMethodOrComesFromOne() {
        DescribedPredicate<JavaClass> register = assignableTo("jdk.incubator.vector.Vector");
        noMethods().should().haveRawReturnType(register).check(classes);
        noMethods().should().haveRawParameterTypes(anyElementThat(register)).check(classes);
    }

    @Test
    void everyPackageHasARow() {
        List<String> packages = classes.stream()
                .map(c ->
                        c.getPackageName().replaceFirst("^dev\\.graft\\.?", "").replaceFirst("\\..*", ""))
                .filter(name -> !name.isEmpty() && !name.equals("cli"))
                .distinct()
                .toList();
        assertThat(MAY_IMPORT.keySet()).containsAll(packages);
    }

    private static ClassesShould none(String name) {
        return noClasses().that().resideInAPackage(inside(name)).should();
    }

    private static String inside(String name) {
        return "dev.graft." + name + "..";
    }
}
