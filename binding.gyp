{
  "targets": [
    {
      "target_name": "tara_gguf",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/tara_gguf.node"],
          "action": ["node", "scripts/build-native.mjs"]
        }
      ]
    }
  ]
}
