namespace Serving.Training;

/// <summary>What the supervisor is doing; the numbers are those of the series "serving.trainer.state".</summary>
internal enum TrainerState
{
    /// <summary>Nobody trains, or somebody else does.</summary>
    Off = 0,

    /// <summary>There are not enough new episodes, or the policies are not loaded yet.</summary>
    Waiting = 1,

    Running = 2,

    /// <summary>A trainer has failed and is started again after a pause.</summary>
    BackingOff = 3,

    /// <summary>There is no trainer to start.</summary>
    NoProgram = 4,
}
