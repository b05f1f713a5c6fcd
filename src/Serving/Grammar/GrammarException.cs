namespace Serving.Grammar;

/// <summary>A schema that cannot be followed.</summary>
/// <param name="path">Where within the schema, as ".properties.name.type"; empty = the schema itself.</param>
/// <param name="fault">What is wrong, to be read behind the path.</param>
/// <param name="unsupported">Whether the schema is right, but beyond the supported subset.</param>
public sealed class GrammarException(string path, string fault, bool unsupported = false) : Exception($"{path} {fault}")
{
    public string Path => path;

    public string Fault => fault;

    public bool Unsupported => unsupported;
}
