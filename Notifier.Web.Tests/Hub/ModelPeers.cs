using Notifier.Connections;

namespace Notifier.Tests.Hub;

/// <summary>What the models do with their peers.</summary>
internal static class ModelPeers
{
    /// <summary>Until the end, one of them after the other stalls or goes on.</summary>
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

    /// <summary>Whether the connection is free and the condition holds.</summary>
    public static bool IsAtRest(this Connection connection, Func<bool> isCaughtUp)
    {
        if (!connection.TryAcquire())
            return false;
        var isAtRest = isCaughtUp();
        connection.Release();
        return isAtRest;
    }
}
