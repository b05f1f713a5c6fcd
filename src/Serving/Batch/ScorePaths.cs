namespace Serving.Batch;

/// <summary>The files of one run. Immutable.</summary>
/// <param name="Output">What is wanted in the end: a file or a folder.</param>
/// <param name="Lines">Results line by line, which a run is resumed by; the output itself where that is a file of lines.</param>
internal sealed record ScorePaths(string Output, string Lines)
{
    /// <summary>What the lines were made from.</summary>
    public string Progress => Output + ".progress";

    /// <summary>Lines that failed, with their numbers.</summary>
    public string Errors => Output + ".errors";

    /// <summary>The output has a form that cannot grow line by line: it is made in one go when all lines are done.</summary>
    public bool Composed => Lines != Output;

    public static ScorePaths Of(string output, bool composed)
    {
        var path = Path.TrimEndingDirectorySeparator(output);
        return new ScorePaths(path, composed ? path + ".lines" : path);
    }
}
