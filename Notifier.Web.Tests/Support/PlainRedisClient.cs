using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Text;

namespace Notifier.Tests.Support;

/// <summary>
/// A RESP2 client that shares no code with Notifier's, so that its replies are those of redis-server. Only one caller at a time.
/// </summary>
internal sealed class PlainRedisClient : IAsyncDisposable
{
    private readonly NetworkStream stream;
    private readonly BufferedStream reader;

    private PlainRedisClient(Socket socket)
    {
        stream = new NetworkStream(socket, ownsSocket: true);
        reader = new BufferedStream(stream);
    }

    public static async Task<PlainRedisClient> ConnectAsync(int port)
    {
        var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        await socket.ConnectAsync(IPAddress.Loopback, port);
        return new PlainRedisClient(socket);
    }

    /// <summary>Sends a command. The caller reads the answer.</summary>
    public async Task SendAsync(params byte[][] command)
    {
        using var request = new MemoryStream();
        request.Write(Encoding.ASCII.GetBytes($"*{command.Length}\r\n"));
        foreach (var part in command)
        {
            request.Write(Encoding.ASCII.GetBytes($"${part.Length}\r\n"));
            request.Write(part);
            request.Write("\r\n"u8);
        }
        await stream.WriteAsync(request.ToArray());
    }

    public Task SendAsync(params string[] command) => SendAsync([.. command.Select(Encoding.UTF8.GetBytes)]);

    /// <summary>Reads the next answer or push as a flat array, with numbers as text.</summary>
    /// <exception cref="InvalidOperationException">The answer is an error.</exception>
    public async Task<byte[][]> ReadAsync()
    {
        using var limit = new CancellationTokenSource(Eventually.Limit);
        var line = await ReadLineAsync(limit.Token);
        switch (line[0])
        {
            case '*':
                var parts = new List<byte[]>();
                for (var left = int.Parse(line[1..], CultureInfo.InvariantCulture); left > 0; left--)
                    parts.AddRange(await ReadAsync());
                return [.. parts];
            case '$':
                var bulk = new byte[int.Parse(line[1..], CultureInfo.InvariantCulture) + 2];
                await reader.ReadExactlyAsync(bulk, limit.Token);
                return [bulk[..^2]];
            case '-':
                throw new InvalidOperationException(line);
            default:
                return [Encoding.UTF8.GetBytes(line[1..])];
        }
    }

    public async Task<string> AskAsync(params string[] command)
    {
        await SendAsync(command);
        return await ReadTextAsync();
    }

    public async Task<string> ReadTextAsync() => string.Join(' ', (await ReadAsync()).Select(Encoding.UTF8.GetString));

    public ValueTask DisposeAsync() => stream.DisposeAsync();

    private async Task<string> ReadLineAsync(CancellationToken limit)
    {
        var line = new StringBuilder();
        var next = new byte[1];
        while (true)
        {
            await reader.ReadExactlyAsync(next, limit);
            if (next[0] == '\n')
                return line.ToString(0, line.Length - 1);
            line.Append((char)next[0]);
        }
    }
}
