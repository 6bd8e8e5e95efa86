using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.Options;
using Notifier.Configuration;

namespace Notifier.Connections;

/// <summary>What the transports need of Kestrel.</summary>
internal static class KestrelSetup
{
    /// <summary>
    /// Bytes of the kernel's send buffer for each socket (Linux doubles it). Left to itself it grows to 4 MB, which would stand
    /// in front of each ping, and hide a stalled reader.
    /// </summary>
    public const int SendBufferSize = 128 * 1024;

    /// <summary>
    /// Connections that the kernel accepts before we do (it takes no more than net.core.somaxconn, mostly 4,096). When a server comes back all its
    /// clients do, at once: beyond Kestrel's 512 they would be reset, or wait seconds for TCP to try again.
    /// </summary>
    private const int Backlog = 8_192;

    /// <summary>TCP connections beyond those that limits allow: they are told why, or load the page.</summary>
    private const int Spare = 1_000;

    /// <summary>Forces the stream transport, for the benchmark: what TLS and HTTP/2 take, without their cost.</summary>
    private const string StreamTransportKey = "Bench:StreamTransport";

    public static void ForFrames(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        // A flush completes only when the transport has sent: the socket transport must not overtake the 101 answer.
        kestrel.Limits.MaxResponseBufferSize = 1;
        // A slow reader of notifications is no attack; liveness is ours.
        kestrel.Limits.MinResponseDataRate = null;
        if (!kestrel.ApplicationServices.GetRequiredService<IConfiguration>().GetValue<bool>(StreamTransportKey))
            kestrel.ConfigureEndpointDefaults(endpoint => endpoint.Use(ProtocolSwitch.Middleware));
    }

    /// <summary>Once the options are known to be right, and before it listens.</summary>
    public static void Limit(IServiceProvider services)
    {
        var limits = services.GetRequiredService<IOptions<LimitsOptions>>().Value;
        var kestrel = services.GetRequiredService<IOptions<KestrelServerOptions>>().Value.Limits;
        kestrel.RequestHeadersTimeout = limits.HandshakeTimeout;
        kestrel.KeepAliveTimeout = limits.IdleTimeout;
        // Whoever opens connections and says nothing never comes to an endpoint.
        kestrel.MaxConcurrentConnections = limits.Connections + Spare;
    }

    public static void ForFrames(SocketTransportOptions transport)
    {
        transport.Backlog = Backlog;
        transport.MaxWriteBufferSize = 1;
        // Sending in the thread that writes, without a hop for each write: the stream transport is half as fast again. Unsafe it would be if
        // anything in a request or a pass blocked; nothing may.
        transport.UnsafePreferInlineScheduling = true;
        transport.CreateBoundListenSocket = endpoint =>
        {
            var socket = SocketTransportOptions.CreateDefaultBoundListenSocket(endpoint);
            socket.SendBufferSize = SendBufferSize;     // accepted sockets inherit it
            return socket;
        };
    }
}
