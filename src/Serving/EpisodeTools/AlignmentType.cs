namespace Serving.EpisodeTools;

/// <summary>In which order a step's parts belong to each other; the numbers are those of RLDS.</summary>
public enum AlignmentType
{
    /// <summary>Not said.</summary>
    Unknown = 1,

    /// <summary>Observation, the action taken on it, the reward received for that.</summary>
    Sar = 2,

    /// <summary>Action, the reward for it, the observation after it.</summary>
    Ars = 3,

    /// <summary>Reward, the observation that came with it, the action taken on that.</summary>
    Rsa = 4,
}
