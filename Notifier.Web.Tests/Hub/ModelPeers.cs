using Notifier.Connections;

namespace Notifier.Tests.Hub;

/// <summary>Helpers for the peers of the models.</summary>
internal static class ModelPeers
{
    /// <summary>Until the end, a random peer stalls or continues, one after the other.</summary>
    public static void StallSome(IReadOnlyList<ModelTransport> transports, Random random, Func<bool> isOver)
    {
        while (!isOver())
        {
            var transport = transports[random.Next(transports.Count)];
            if (random.Next(3) == 0)
                transport.Stall();
            else
                transport.GoOn();
            Thread.Yield();
        }
    }

    /// <summary>Whether the connection has no owner and has caught up.</summary>
    public static bool IsAtRest(this Connection connection, Func<bool> isCaughtUp)
    {
        if (!connection.TryAcquire())
            return false;
        var isAtRest = isCaughtUp();
        connection.Release();
        return isAtRest;
    }
}
