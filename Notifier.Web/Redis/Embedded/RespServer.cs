#if EMBEDDED_REDIS
using System.Net;
using Garnet.networking;
using Garnet.server;

namespace Notifier.Redis.Embedded;

/// <summary>
/// Garnet's server without what is not RESP. A page of any site can send HTTP to a port of the visitor's own machine, and Garnet skips lines that it does not
/// know until it finds a command, for example in the body. (Redis disconnects such a client at <c>POST</c> or <c>Host:</c>.) Clients of Redis send arrays, so
/// a connection that does not begin with one is closed before anything of it is executed.
/// </summary>
internal sealed class RespServer(EndPoint endpoint, ILogger logger) : GarnetServerTcp(endpoint, logger: logger), IServerHook
{
    /// <summary>Called with the first bytes of a connection, until it returns true. Replaces the base class' own implementation.</summary>
    bool IServerHook.TryCreateMessageConsumer(Span<byte> bytesReceived, INetworkSender networkSender, out IMessageConsumer session)
    {
        if (bytesReceived is [(byte)'*', ..])
            return TryCreateMessageConsumer(bytesReceived, networkSender, out session);
        session = null!;
        networkSender.TryClose();
        return false;
    }
}
#endif
