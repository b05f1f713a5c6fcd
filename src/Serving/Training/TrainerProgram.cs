namespace Serving.Training;

/// <summary>Where the trainer's program lies, and what server and trainer have agreed on. Stateless.</summary>
public static class TrainerProgram
{
    /// <summary>Option of the verb "run": end when the standard input does.</summary>
    public const string EndWithInput = "--end-with-input";

    /// <summary>Exit code of a run whose answers broke a bound: what was best before that is published.</summary>
    public const int StoppedByBound = 3;

    /// <summary>Exit code of a run that must not go on from its checkpoint: the settings are others, or episodes were deleted since.</summary>
    public const int CannotResume = 4;

    private const string FileName = "Serving.Trainer.dll";

    /// <summary>Folders that it is looked for in: this program's own when both were published together, the sibling of the build's output otherwise.</summary>
    public static IReadOnlyList<string> Places
    {
        get
        {
            var here = AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar);
            return [here, Path.GetFullPath(Path.Combine(here, "..", "..", "Serving.Trainer", Path.GetFileName(here)))];
        }
    }

    /// <summary>Its .dll, or null when there is none: a server may be installed alone.</summary>
    public static string? Find() => Places.Select(place => Path.Combine(place, FileName)).FirstOrDefault(File.Exists);
}
