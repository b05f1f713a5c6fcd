namespace Serving.Experiments;

/// <summary>Who acts on the gate's evidence.</summary>
public enum GateMode
{
    /// <summary>Nobody compares: the newest version of the distilled name that works is the current one.</summary>
    Off,

    /// <summary>Versions are compared and reported; an operator promotes and rolls back.</summary>
    Manual,

    /// <summary>Versions are promoted, held and rolled back as soon as the evidence is there.</summary>
    Automatic,
}
