namespace Serving.Trainer.Objectives;

/// <summary>Where V-trace truncates the ratios pi / mu. Immutable.</summary>
/// <param name="Rho">rho-bar: decides which policy's values are learnt, between mu (towards 0) and pi (towards infinity).</param>
/// <param name="C">c-bar: decides how far back a surprise travels, and so only the speed; at most rho-bar.</param>
/// <param name="Gradient">Bound of the ratio in front of the policy's gradient.</param>
/// <param name="Lambda">Multiplies c: 1 = the n-step return on policy, less = TD(lambda).</param>
public sealed record VTraceClips(double Rho = 1, double C = 1, double Gradient = 1, double Lambda = 1);
