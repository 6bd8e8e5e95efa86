using System.Net;
using System.Net.Sockets;
using Notifier.Connections;

namespace Notifier.Tests.Support;

/// <summary>Pairs of TCP sockets: a transport writes to one end, and the test reads from the other.</summary>
internal sealed class LoopbackPeers : IDisposable
{
    private readonly List<Socket> ours = [];
    private readonly List<Socket> theirs = [];
    private readonly byte[] buffer = new byte[Transport.Slice];

    public LoopbackPeers(int count)
    {
        using var listener = new Socket(SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Loopback, 0));
        listener.Listen();
        for (var i = 0; i < count; i++)
        {
            var peer = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveTimeout = 20_000 };
            theirs.Add(peer);
            peer.Connect(listener.LocalEndPoint!);
            ours.Add(listener.Accept());
            ours[i].NoDelay = true;     // as Kestrel does
        }
    }

    public IEnumerable<Transport> Transports => ours.Select(socket => new SocketTransport(socket));

    /// <summary>Reads this many bytes from each peer, in this thread, so that no peer falls behind and nothing is allocated.</summary>
    public void ReadAll(int bytes)
    {
        foreach (var peer in theirs)
        {
            for (var left = bytes; left > 0;)
            {
                var read = peer.Receive(buffer.AsSpan(0, Math.Min(left, buffer.Length)));
                if (read == 0)
                    throw new EndOfStreamException();
                left -= read;
            }
        }
    }

    public void Dispose()
    {
        foreach (var socket in ours.Concat(theirs))
            socket.Dispose();
    }
}
