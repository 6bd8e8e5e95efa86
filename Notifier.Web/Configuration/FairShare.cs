namespace Notifier.Configuration;

/// <summary>How much of a resource of the node one owner may use, so that nobody uses all of it.</summary>
internal static class FairShare
{
    private const int PartsForVisitors = 20;
    private const int PartsForSharedAddresses = 2;

    /// <returns>At least 1.</returns>
    /// <param name="total">What the node has.</param>
    /// <param name="isOneVisitor">
    /// Whether the owner is a single visitor, who gets a twentieth. Otherwise it may be the address of a proxy, which thousands of visitors share, and gets
    /// half: one visitor without a proxy never takes everything.
    /// </param>
    public static long Of(long total, bool isOneVisitor) => Math.Max(1, total / (isOneVisitor ? PartsForVisitors : PartsForSharedAddresses));
}
