namespace Serving.Demo;

/// <summary>One demo run. Immutable.</summary>
internal sealed record DemoOptions
{
    /// <summary>JSON Lines with "document" to send as traffic; null = this machine's packages.</summary>
    public string? Prompts { get; init; }

    /// <summary>JSON Lines with "document" to measure on; null = the part of the prompts that is not sent.</summary>
    public string? Evaluation { get; init; }

    /// <summary>Best-of-16 requests to log before training.</summary>
    public int Requests { get; init; } = 800;

    /// <summary>Prompts to measure on, before and after.</summary>
    public int Measured { get; init; } = 100;

    public int Candidates { get; init; } = 16;

    public int Steps { get; init; } = 80;

    /// <summary>How much lower than Best-of-N's the judge's mean score of the distilled policy may be, and the support by the source; wide, since a demo learns from few requests.</summary>
    public double Margin { get; init; } = 0.15;

    /// <summary>Prompts to compare on, unless the gate decides before.</summary>
    public int MostPairs { get; init; } = 1500;

    public int Seed { get; init; } = 1;

    public required string Models { get; init; }

    /// <summary>Folder for the copy of the registry, episodes, logs and the report; must not exist or be empty.</summary>
    public required string Work { get; init; }

    /// <summary>Serving.Server.dll and Serving.Trainer.dll.</summary>
    public required string Server { get; init; }

    public required string Trainer { get; init; }
}
