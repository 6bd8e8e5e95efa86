using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Notifier.Configuration;
using Notifier.Connections;
using Notifier.Messages;
using Notifier.Tests.Support;

namespace Notifier.Tests.Faults;

/// <summary>
/// Sends back each message, as a WebSocket conformance suite needs. Below the messages it uses the code of <c>/ws</c>: Kestrel's setup, the wrapped upgrade,
/// the switch out of HTTP, the connection, the frame writer and its transport.
/// </summary>
internal static class EchoHost
{
    /// <summary>Conformance suites send up to 16 MiB.</summary>
    private const int MaxBytes = 64 * 1024 * 1024;

    /// <param name="args">Kestrel's arguments, such as <c>--urls http://127.0.0.1:9001</c>.</param>
    public static WebApplication Build(string[] args)
    {
        var builder = WebApplication.CreateSlimBuilder(args);
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.WebHost.ConfigureKestrel(KestrelSetup.Configure);
        builder.WebHost.UseSockets(static transport => KestrelSetup.Configure(transport, Options.Create(new LimitsOptions())));
        var app = builder.Build();
        var log = app.Services.GetRequiredService<ILogger<Connection>>();
        app.Use((context, next) =>
        {
            WebSocketUpgrade.Intercept(context, TimeProvider.System, log);
            return next(context);
        });
        app.UseWebSockets(new WebSocketOptions { KeepAliveInterval = TimeSpan.Zero });
        app.Run(AnswerAsync);
        return app;
    }

    private static async Task AnswerAsync(HttpContext context)
    {
        if (!context.WebSockets.IsWebSocketRequest)
        {
            context.Response.StatusCode = StatusCodes.Status426UpgradeRequired;
            await context.Response.WriteAsync("This address speaks WebSocket, and sends back what it gets.\n");
            return;
        }
        var socket = await context.WebSockets.AcceptWebSocketAsync();
        await context.Features.Get<WebSocketUpgrade>()!.ServeAsync(socket, EchoAsync);
    }

    private static async Task EchoAsync(ClientReader reader, Connection connection)
    {
        reader.Limit = MaxBytes;
        try
        {
            while (true)
            {
                var message = await reader.ReadAsync();
                switch (message.Kind)
                {
                    case ClientMessageKind.Text:
                        await SendAsync(connection, ServerFrame.Text, Encoding.UTF8.GetBytes(message.Text));
                        break;
                    case ClientMessageKind.Binary:
                        await SendAsync(connection, ServerFrame.Binary, message.Bytes);
                        break;
                    case ClientMessageKind.Close:
                        await connection.CloseAsync(CloseReason.Answering(reader.CloseStatus));
                        return;
                    default:    // the client is gone, or was closed because of a protocol error
                        return;
                }
            }
        }
        finally
        {
            await connection.RetireAsync();
            reader.Dispose();
        }
    }

    /// <summary>Completes when the connection has accepted the frame, so that the host stops reading from a client that does not read.</summary>
    private static Task SendAsync(Connection connection, byte opcode, ReadOnlySpan<byte> payload)
    {
        var frame = new byte[ServerFrame.HeaderLength(payload.Length) + payload.Length];
        payload.CopyTo(frame.AsSpan(ServerFrame.WriteHeader(frame, opcode, payload.Length)));
        var sent = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        connection.Post(() =>
        {
            connection.Send(frame);
            sent.SetResult();
        });
        return sent.Task;
    }
}
