package dev.graft.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/// What the recipe file says about a component of [Recipe]: its default, its meaning, and where its name
/// differs.
///
/// This is the only place where defaults are written; the reader, `graft train --help` and the resolved
/// recipe of a run all take them from here. A key is called as its component, in snake case (`learningRate`:
/// `learning_rate`).
@Target(ElementType.RECORD_COMPONENT)
@Retention(RetentionPolicy.RUNTIME)
@interface Key {
    /// One line: what it does and in which unit it counts.
    String help();

    /// The default, as it would be written in the file; empty when there is none.
    String or() default "";

    /// The name in the file where it is not the component's own in snake case.
    String name() default "";

    /// The key of the same section that takes the place of this one: only one of the two can be given, and
    /// when it is the other one, the default here does not count.
    String unless() default "";

    /// For paths: relative ones belong to the working directory even when they stand in the file.
    boolean inWorkingDirectory() default false;
}
