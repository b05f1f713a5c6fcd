namespace Serving.Trainer.Datasets;

/// <summary>A binary package as the archive's index describes it. Immutable.</summary>
/// <param name="Name">Name of the binary package.</param>
/// <param name="Source">Name of the source package that it is built from.</param>
/// <param name="Section">Archive section, such as "utils".</param>
/// <param name="Synopsis">The one-line description, as written.</param>
/// <param name="Lines">The lines of the long description, as <see cref="DescriptionText"/> joins them.</param>
internal sealed record DebianPackage(string Name, string Source, string Section, string Synopsis, IReadOnlyList<string> Lines);
