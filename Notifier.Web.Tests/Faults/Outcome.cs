using System.Globalization;

namespace Notifier.Tests.Faults;

/// <summary>The counts of a run, over all of its clients.</summary>
/// <param name="Acknowledged">Plain messages that Redis acknowledged.</param>
/// <param name="Tried">Plain messages that the backend tried to publish.</param>
/// <param name="Durable">Durable messages.</param>
/// <param name="Plain">What clients received of the plain messages.</param>
/// <param name="Kept">What clients received of the durable messages.</param>
/// <param name="Recovery">From the end of the fault until all clients received messages published after it.</param>
internal sealed record Outcome(int Acknowledged, int Tried, int Durable, LossReport Plain, LossReport Kept, TimeSpan Recovery)
{
    /// <summary>The limit for the recovery.</summary>
    public TimeSpan RecoversWithin { get; init; }

    /// <summary>Other observations, in words.</summary>
    public string Remark { get; init; } = "";

    /// <summary>Adds up the messages of several runs of a fault, and keeps the slowest recovery.</summary>
    public static Outcome operator +(Outcome one, Outcome other) => new(
        one.Acknowledged + other.Acknowledged, one.Tried + other.Tried, one.Durable + other.Durable, one.Plain + other.Plain, one.Kept + other.Kept,
        one.Recovery > other.Recovery ? one.Recovery : other.Recovery)
    { RecoversWithin = other.RecoversWithin, Remark = other.Remark.Length > 0 ? other.Remark : one.Remark };

    /// <summary>The cells of a row of docs/reliability.md.</summary>
    public string Cells(int runs)
    {
        var refused = Tried == Acknowledged ? "" : $", {Number(Tried - Acknowledged)} refused by Redis";
        var late = Plain.LatestGap > TimeSpan.Zero ? $"; gap up to {Seconds(Plain.LatestGap)} behind" : "";
        var repeated = runs == 1 ? "" : $"{runs} runs: ";
        return $"{repeated}{Number(Acknowledged)} plain{refused}, {Number(Durable)} durable{(Remark.Length == 0 ? "" : "; ")}{Remark} "
            + $"| {(Plain.Lost == 0 ? "0" : $"{Number(Plain.Lost)}, all told{late}")} / {Number(Kept.Lost)} | {Plain.Repeated} / {Kept.Repeated} "
            + $"| {Plain.Reordered} / {Kept.Reordered} | {Seconds(Recovery)} of {RecoversWithin.TotalSeconds:0} s";
    }

    private static string Number(int number) => number.ToString("N0", CultureInfo.InvariantCulture);

    private static string Seconds(TimeSpan time) => time.TotalSeconds.ToString(time.TotalSeconds < 10 ? "0.00" : "0", CultureInfo.InvariantCulture) + " s";
}
